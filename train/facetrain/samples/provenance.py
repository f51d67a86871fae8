"""The data sets of this project, each with its terms of use, as networks' metadata, reports and cards state them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

RESEARCH = "research only"
NON_COMMERCIAL = "not for commercial use"
UNSTATED = "no terms stated"
FREE = ""

NEGATIVES = "no_faces"
BROUGHT_TERMS = "What the owner of the data allows."
ASK = "ask their owners before commercial use."


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set.

    title: what it is, in one line.
    owner: its short name in a sentence of terms.
    terms: one of RESEARCH, NON_COMMERCIAL, UNSTATED and FREE.
    licence: what its owner states, where that is more than `terms`.
    former: how the metadata of networks exported before this table describe it.
    """

    title: str
    owner: str
    terms: str = FREE
    licence: str = ""
    former: tuple[str, ...] = ()


_YTFACES = ("YouTube Faces", RESEARCH)
_MTFL = ("MTFL", RESEARCH)
_EXPRESSIONS = ("the expressions pack's pictures", RESEARCH, "repository Apache-2.0, pictures gathered for research")
DATA_SETS = {
    "helen_train": DataSet(
        "HELEN, 870 photographs labelled by hand in the 300-W scheme", "HELEN/300-W", RESEARCH,
        former=("HELEN, 870 photographs labelled in the 300-W scheme (research only)",),
    ),
    "lfpw_train": DataSet(
        "LFPW, 805 photographs of its training part labelled by hand in the 300-W scheme", "LFPW/300-W", RESEARCH,
    ),
    "aflw21": DataSet(
        "AFLW, 9618 crops at 120 px with 21 points labelled by hand, 8333 turned beyond 30 degrees", "AFLW", RESEARCH,
    ),
    "pointing04": DataSet(
        "Pointing'04, 1488 pictures of 8 people with marked head angles", "Pointing'04",
        licence="free for any purpose, cite Gourier et al. 2004",
    ),
    "ytfaces_train": DataSet(
        "YouTube Faces, 3462 frames with semi-automatic points", *_YTFACES,
        former=("YouTube Faces, 3462 frames with semi-automatic points (research only)",),
    ),
    "ytfaces_self": DataSet(
        "YouTube Faces, its points averaged with those of an earlier network of this project", *_YTFACES,
        former=("YouTube Faces, its points averaged with those of an earlier network of ours (research only)",),
    ),
    "expressions": DataSet(
        "13,572 face crops with emotions, half of them LFW, points by MediaPipe's face mesh", *_EXPRESSIONS,
        former=(
            "13,572 face crops, half of them LFW, points by MediaPipe's face mesh (Apache-2.0 repository)",
            "13,572 face crops with emotions, half of them LFW, points by MediaPipe (Apache-2.0 repository)",
        ),
    ),
    "expressions_self": DataSet(
        "the same face crops, the mesh's points averaged with those of an earlier network of this project",
        *_EXPRESSIONS,
        former=("the same face crops, the mesh's points averaged with those of an earlier network of ours",),
    ),
    "mtfl": DataSet(
        "MTFL, 12,995 crops of LFW, AFLW and the web, 80 px, with 5 points, smile, glasses, gender and pose", *_MTFL,
        former=(
            "MTFL, 10,000 faces with 5 points, gender, smile, glasses and pose (research only)",
            "MTFL, 12,995 small crops of LFW, AFLW and the web, labelled by YuNet (research only)",
        ),
    ),
    "mtfl_self": DataSet(
        "MTFL's training part, 9949 pictures labelled by an earlier network of this project", *_MTFL,
        former=("MTFL, 9949 training pictures labelled by an earlier network of ours (research only)",),
    ),
    "yawn_self": DataSet(
        "231 yawning and other faces labelled by an earlier network of this project", "the yawn faces", UNSTATED,
        former=("231 yawning and other faces labelled by an earlier network of ours",),
    ),
    "genki4k": DataSet(
        "GENKI-4K, 3171 small crops with smile and pose", "GENKI-4K", licence="cite MPLab GENKI-4K",
        former=("GENKI-4K, 3171 small crops with smile and pose (cite MPLab GENKI-4K)",),
    ),
    "eyes": DataSet(
        "1155 photographs of single eyes, open or closed, pasted into the faces", "the eye photographs", UNSTATED,
        former=("1155 photographs of single eyes, open or closed, laid into the faces (no terms stated)",),
    ),
    "eyes_nir": DataSet(
        "5526 infrared photographs of single eyes of 39 people, open or closed", "the MRL eye data set", RESEARCH,
    ),
    "scut_eyes": DataSet(
        "SCUT, 3008 pictures of eyes and brows with lids and pupils labelled by hand", "SCUT", RESEARCH,
    ),
    "clips": DataSet(
        "frames of ten short clips, lids and irises by MediaPipe's face mesh, closures read by a vision model",
        "the clips", licence="MIT and Pexels",
    ),
    "lids_frames": DataSet(
        "496 frames of these clips, eyes shut, lowered or open, read by a vision model", "this project",
    ),
    "rendered": DataSet("rendered eyes of USC-ICT's morphable model", "USC-ICT", licence="MIT"),
    "mouths": DataSet(
        "2881 photographs of mouths, open or closed, pasted into the faces", "the mouth photographs", UNSTATED,
        former=("2881 photographs of mouths, open or closed, laid into the faces (no terms stated)",),
    ),
    "heads": DataSet(
        "rendered heads of USC-ICT's morphable model", "USC-ICT", licence="MIT",
        former=("rendered heads of USC-ICT's morphable model (MIT)",),
    ),
    "heads_turned": DataSet(
        "rendered heads of USC-ICT's morphable model, turned up to 95 degrees", "USC-ICT", licence="MIT"
    ),
    "heads_backs": DataSet(
        "rendered heads of USC-ICT's morphable model, seen from behind", "USC-ICT", licence="MIT"
    ),
    "lids": DataSet(
        "eyelids of some 500 of these faces, shut, lowered or open, labelled for this project by a vision model",
        "this project",
        former=("lids of some 500 of these faces, shut, lowered or open, read for this project by a vision model",),
    ),
    "wider_scenes": DataSet(
        "102 crowded scenes of WIDER FACE", "WIDER FACE", NON_COMMERCIAL, "CC BY-NC-ND",
        former=("102 crowded scenes of WIDER FACE (CC BY-NC-ND: no commercial use)",),
    ),
    NEGATIVES: DataSet(
        "512 ImageNet photographs without a face", "ImageNet",
        former=("512 ImageNet photographs without a face",),
    ),
}  # fmt: skip


def describe(name: str) -> str:
    """One line of metadata: "NAME: title (terms)"; a set that is not in the table is its user's own."""
    known = DATA_SETS.get(name)
    if known is None:
        return f"{name}: brought by the user"
    terms = ", ".join(text for text in (known.terms, known.licence) if text)
    return f"{name}: {known.title}" + (f" ({terms})" if terms else "")


def merge_data(*lists: Iterable[str]) -> list[str]:
    """Return the lines of several networks' metadata, each data set once and as this table describes it."""
    now = {line: describe(name) for name, known in DATA_SETS.items() for line in known.former}
    return list(dict.fromkeys(now.get(line, line) for lines in lists for line in lines))


def trained_on(name: str, data: Iterable[str]) -> bool:
    """Whether a network's metadata `data` names this set, also as networks exported before this table do."""
    known = DATA_SETS.get(name)
    former = known.former if known is not None else ()
    return any(line in former or line.startswith((f"{name}:", f"{name},")) for line in data)


def terms_of(names: Iterable[str]) -> str:
    """Return the terms of use of a network trained on these sets, in one sentence."""
    known = [DATA_SETS[name] for name in names if name in DATA_SETS]
    if not known:
        return BROUGHT_TERMS
    clauses = []
    for terms, text in ((RESEARCH, "are free for research only"), (NON_COMMERCIAL, "exclude commercial use"),
                        (UNSTATED, "state no terms")):  # fmt: skip
        owners = list(dict.fromkeys(one.owner for one in known if one.terms == terms))
        if owners:
            clauses.append(f"{text} ({', '.join(owners)})")
    if not clauses:
        return f"Trained on sets that allow any use: {', '.join(dict.fromkeys(one.owner for one in known))}."
    return f"Trained in part on sets that {' or '.join(clauses)}: {ASK}"
