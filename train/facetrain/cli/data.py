"""`facetrack data`: inspection, conversion and synthesis of labelled faces, and Kaggle's submission."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.options import Overwrite
from facetrack.errors import DataError
from facetrack.sinks.inputs import check_outputs, refuse_existing, refuse_inputs
from facetrain.cli.inspection import print_counts, print_problems

if TYPE_CHECKING:
    from facetrain.formats.reading import ReadResult

app = typer.Typer(no_args_is_help=True, help="Inspect, convert and make labelled faces.")

Source = Annotated[Path, typer.Argument(help="A pack, a folder, a CSV, XML, JSON, .mat, .txt ..., or synthetic:COUNT.")]


@app.command()
def inspect(
    path: Source,
    out: Annotated[
        Path | None, typer.Option(help="Folder for sheet.png, histograms.png, inspection.json and problems.txt.")
    ] = None,
) -> None:
    """Report samples, missing points, attributes, sizes, head angles, and every row with a problem."""
    from facetrain.labelling import inspection

    result = _read(path)
    statistics = inspection.inspect(result.samples, result.sizes_px)
    print_counts(statistics, path)
    print_problems(result.problems, out)
    if out is not None:
        inspection.save(statistics, result.samples, result.problems, out)
        typer.echo(f"wrote sheet.png, histograms.png, inspection.json and problems.txt to {out}")


@app.command()
def convert(
    path: Source,
    out: Annotated[Path, typer.Argument(help="The pack's path without suffix, or the CSV.")],
    to: Annotated[
        str, typer.Option(help="pack, or kaggle: 96x96 grey images with 15 points in Kaggle's columns.")
    ] = "pack",
    scheme: Annotated[
        str | None, typer.Option(help="Convert the points first, for example to 300w-68, five or kaggle-15.")
    ] = None,
) -> None:
    """Write labelled faces as a pack (NAME.zip + NAME.npz) or as Kaggle's training.csv."""
    if to not in ("pack", "kaggle"):
        raise DataError(f"--to is '{to}'; expected pack or kaggle")
    from facetrain.formats.packs import write_pack
    from facetrain.formats.public.kaggle import write_kaggle
    from facetrain.sample import as_scheme

    if to == "kaggle":
        out = out if out.suffix == ".csv" else out / "training.csv"
    refuse_inputs((out,) if to == "kaggle" else pack_files(out), (path, *pack_files(path)))
    result = _read(path)
    samples, problems = result.samples, list(result.problems)
    if scheme is not None:
        samples = [as_scheme(sample, scheme) for sample in samples]
    if to == "kaggle":
        unwritten = write_kaggle(samples, out)
        problems += unwritten
        typer.echo(f"wrote {len(samples) - len(unwritten)} rows to {out}")
    else:
        write_pack(samples, out)
        typer.echo(f"wrote {len(samples)} samples to {out}.zip and {out}.npz")
    print_problems(problems, None)


@app.command()
def submission(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders (or .onnx) of the kaggle recipes; the mean of several.")
    ],
    test: Annotated[Path, typer.Option(help="Kaggle's test.csv.")],
    lookup: Annotated[Path, typer.Option(help="Kaggle's IdLookupTable.csv.")],
    out: Annotated[Path | None, typer.Option(help="The file to write; by default submission.csv.")] = None,
    flip: Annotated[bool, typer.Option("--flip", help="Average over each image and its mirror image.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write Kaggle's submission.csv with trained networks."""
    named, out = out, out or Path("submission.csv")
    refuse_existing([] if named else [out], overwrite)
    refuse_inputs((out,), (*runs, test, lookup))
    from facetrain.tasks.catalogue import submit

    typer.echo(f"wrote {out}: {submit(runs, test, lookup, out, flip)} images")


@app.command()
def render(
    head_model: Annotated[Path, typer.Argument(help="A morphable head model as .npz (ICT-FaceKit's arrays).")],
    out: Annotated[Path, typer.Option(help="The pack's path without suffix.")],
    count: Annotated[int, typer.Option(min=1, help="Number of heads.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same heads.")] = 0,
    backgrounds: Annotated[Path | None, typer.Option(help="A zip of background photographs without faces.")] = None,
    turned: Annotated[Path | None, typer.Option(help="Heads to +-95 degrees; the file of `data teacher`.")] = None,
    behind: Annotated[bool, typer.Option("--behind", help="With --turned: heads from behind, without a face.")] = False,
) -> None:
    """Render random 3-D heads with exact points, angles, lids, mouth and gaze, as a pack."""
    from facetrain.formats.zips import read_zip_images
    from facetrain.reporting.progress import with_progress
    from facetrain.synth.rendering.head_model import load_head_model
    from facetrain.synth.rendering.heads import write_heads
    from facetrain.synth.rendering.render import Renderer

    refuse_inputs(pack_files(out), (head_model, backgrounds, turned))
    renderer = Renderer(load_head_model(head_model))
    photographs = [] if backgrounds is None else [image for _, image in read_zip_images(backgrounds)]
    indices = with_progress(range(count), "heads")
    if turned is None:
        written = write_heads(renderer, out, indices, seed, photographs)
    else:
        from facetrain.labelling.turned_heads import BEHIND_YAW_DEG, YAW_DEG, write_turned_heads
        from facetrain.labelling.turned_teacher import TeacherFile

        offset = TeacherFile.load(turned).jaw_offset
        yaw_deg = BEHIND_YAW_DEG if behind else YAW_DEG
        written = write_turned_heads(renderer, out, offset, indices, seed, photographs, yaw_deg)
    typer.echo(f"wrote {written} heads to {out}.zip and {out}.npz")


@app.command()
def teacher(
    packs: Annotated[Path, typer.Argument(help="The folder of helen_train, lfpw_train and aflw21.")],
    teacher_model: Annotated[Path, typer.Option(help="MediaPipe's file: face_landmarker.task.")],
    head_model: Annotated[Path, typer.Option(help="A morphable head as .npz (ICT-FaceKit's arrays).")],
    out: Annotated[Path, typer.Option(help="The file to write, for `facetrack label --teacher ensemble`.")],
) -> None:
    """Fit the ensemble teacher to hand-labelled faces.

    It consists of the map from MediaPipe's mesh to the 68 points, the jaw of a 3-D head, and each pack's label offset.
    """
    from facetrack.cli.extras import need_training

    need_training()
    from facetrack.detector.mediapipe_mesh import MediaPipeMesh
    from facetrain.labelling.turned_teacher import fit_teacher
    from facetrain.reporting.progress import with_progress
    from facetrain.synth.rendering.head_model import load_head_model

    refuse_inputs((out,), (teacher_model, head_model, *packs.glob("*.*")))
    with MediaPipeMesh(teacher_model, max_faces=1) as mesh:
        fitted = fit_teacher(packs, mesh, load_head_model(head_model), lambda samples: with_progress(samples, "meshes"))
    fitted.save(out)
    shifts = ", ".join(f"{name} {share:.2%}" for name, share in fitted.shift.items())
    typer.echo(f"wrote {out}; labels lie to the right by {shifts} of the face's extent")


@app.command()
def eyes(
    packs: Annotated[Path, typer.Argument(help="The folder of the packs.")],
    labels: Annotated[Path, typer.Option(help="Their label tables: `facetrack label --teacher ensemble`.")],
    teacher_model: Annotated[Path, typer.Option(help="MediaPipe's file: face_landmarker.task.")],
    out: Annotated[Path, typer.Option(help="The folder to write, for `facetrack train eyes --set eyes=..`.")],
    clips: Annotated[Path | None, typer.Option(help="A folder of clips, with or without lids_frames.csv.")] = None,
    events: Annotated[Path | None, typer.Option(help="Their events; people.csv and lids.csv beside them.")] = None,
    head_model: Annotated[Path | None, typer.Option(help="A morphable head as .npz, for rendered eyes.")] = None,
    heads: Annotated[int, typer.Option(min=0, help="Number of rendered heads.")] = 600,
) -> None:
    """Label the eyes of the packs, the clips and rendered heads: lids, irises, states, covered."""
    if (clips is None) != (events is None):
        raise DataError("the clips and their table of events belong together; give --clips and --events, or neither")
    from facetrack.detector.mediapipe_mesh import MediaPipeMesh
    from facetrain.labelling.eyes.build import EyeSources, build
    from facetrain.reporting.progress import with_progress

    # Of a frame in both tables the clips' own counts.
    tables = () if clips is None or events is None else (events.with_name("lids.csv"), clips / "lids_frames.csv")
    frames = tuple(table for table in tables if table.is_file())
    sources = EyeSources(packs, labels, clips, events, frames, head_model, heads)
    with MediaPipeMesh(teacher_model, max_faces=1) as mesh:
        table = build(sources, mesh, out, lambda samples: with_progress(samples, "eyes"))
    typer.echo(f"wrote {len(table)} eyes to {out}")


@app.command()
def blendshapes(
    packs: Annotated[Path, typer.Argument(help="The folder of the packs.")],
    teacher_model: Annotated[Path, typer.Option(help="MediaPipe's file: face_landmarker.task.")],
    out: Annotated[Path, typer.Option(help="The folder to write, for `facetrack train blendshapes --set tables=..`.")],
    clips: Annotated[Path | None, typer.Option(help="A folder of clips to measure on, never trained on.")] = None,
) -> None:
    """Record what the tracker's networks read of each face of the packs, and MediaPipe's blendshapes of it."""
    from facetrack.detector.mediapipe_mesh import MediaPipeMesh
    from facetrain.labelling.blendshapes.build import build
    from facetrain.reporting.progress import with_progress

    with MediaPipeMesh(teacher_model, max_faces=1, shapes=True) as teacher:
        for name, count in build(packs, teacher, out, clips, lambda samples: with_progress(samples, "faces")):
            typer.echo(f"wrote {count} faces of {name} to {out}")


@app.command()
def blinks(
    table: Annotated[
        Path, typer.Argument(help="CSV in the folder of its clips: video, first_closed_frame, last_closed_frame.")
    ],
    landmarks: Annotated[Path | None, typer.Option(help="A landmark network; by default the bundled one.")] = None,
    out: Annotated[Path | None, typer.Option(help="The plot to write; by default blinks.png.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Plot the openness of the eyes that the tracker measures against labelled blinks."""
    named, out = out, out or Path("blinks.png")
    refuse_existing([] if named else [out], overwrite)
    refuse_inputs((out,), (table, landmarks))
    from facetrack.cli.extras import need_training

    need_training()
    from facetrain.evaluation.signals import openness

    traces = openness.traces(table, landmarks)
    openness.save_picture(traces, out)
    for trace in traces:
        for blink in trace.blinks:
            detected = "detected" if trace.shows(blink) else "missed"
            lowest = f"lowest {trace.lowest(blink):.2f}, limit {trace.limit:.2f}"
            typer.echo(f"{trace.video} {blink.first}-{blink.last}: {detected} ({lowest})")
        false_frames = trace.closed_outside_blinks()
        typer.echo(f"{trace.video}: closed in {false_frames} other frames of {len(trace.eyes)}")
    typer.echo(f"wrote {out}")


@app.command()
def crowd(
    pack: Annotated[
        Path, typer.Argument(help="Labelled faces for the cut-out people: a pack such as data/helen_train.")
    ],
    out: Annotated[Path, typer.Option(help="The clip to write (.mp4); its ground truth is written as .jsonl.")],
    backgrounds: Annotated[Path | None, typer.Option(help="A zip of background photographs without faces.")] = None,
    head_model: Annotated[
        Path | None, typer.Option(help="A morphable head model as .npz: adds a scene in which heads turn away.")
    ] = None,
    fps: Annotated[float, typer.Option(min=5, max=120, help="Frames per second.")] = 30.0,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same people.")] = 1,
    turns: Annotated[
        bool, typer.Option("--turns", help="Only heads that turn to profile and show their backs (--head-model).")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Make a clip of people who cross, leave, return, are occluded, grow and turn away, with its ground truth."""
    check_outputs((out,), (out.with_suffix(".jsonl"),), (*pack_files(pack), backgrounds, head_model), overwrite)
    from facetrack.cli.extras import need_training

    need_training()
    from rich.console import Console

    from facetrain.reporting.progress import with_progress
    from facetrain.synth.crowd import clip, script

    scenes = script.turns() if turns else script.script(with_heads=head_model is not None)
    with Console(stderr=True).status("cutting people out"):
        made = clip.make_clip(scenes, pack, clip.read_backgrounds(backgrounds), head_model, fps, seed)
    truth = clip.write_clip(made, out, lambda indices: with_progress(indices, "frames"))
    typer.echo(f"wrote {len(made)} frames in {len(scenes)} scenes to {out}, their ground truth to {truth}")


def pack_files(path: Path) -> tuple[Path, Path]:
    """Return the files of the pack at `path`, which is given without suffix, or as one of them."""
    if path.suffix in (".zip", ".npz"):
        path = path.with_suffix("")
    return path.with_name(path.name + ".zip"), path.with_name(path.name + ".npz")


def _read(path: Path) -> ReadResult:
    from rich.console import Console

    from facetrain.formats.open import read_any

    with Console(stderr=True).status(f"reading {path}"):
        return read_any(path)
