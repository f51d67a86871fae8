"""Round trip of packs, label tables beside zips, class folders, 300-VW clips."""

import zipfile

import av
import cv2
import numpy as np
import pytest

from facetrack.errors import DataError
from facetrain.formats import pack_tables, packs
from facetrain.formats.public import folders, mtfl, w300vw
from facetrain.sample import Sample

SIZE = (90, 120)


def random_image(seed):
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)


def png(seed=0):
    return cv2.imencode(".png", random_image(seed))[1].tobytes()


def write_zip(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for seed, name in enumerate(names):
            archive.writestr(name, png(seed))


def five_point_samples():
    rng = np.random.default_rng(0)
    for index in range(3):
        points = rng.uniform(10, 80, (5, 2)).astype(np.float32)
        points[index] = np.nan
        weight = np.where(np.arange(5) == index, 0, 0.5).astype(np.float32)
        yield Sample(
            f"a/{index}.png", f"g{index // 2}", "mine", random_image(index), points, weight, "five", np.arange(5) > 2,
            {"smile": float(index), "emotion": "happy"},
        )  # fmt: skip


def test_a_pack_written_and_read_again(tmp_path):
    samples = list(five_point_samples())
    packs.write_pack(samples, tmp_path / "new" / "mine")
    result = packs.read_pack(tmp_path / "new" / "mine.npz", trim=False)
    assert result.problems == []
    for written, read in zip(samples, result.samples, strict=True):
        np.testing.assert_array_equal(read.image, written.image)
        np.testing.assert_array_equal(read.points, written.points)
        np.testing.assert_array_equal(read.weight, written.weight)
        np.testing.assert_array_equal(read.visible, written.visible)
        for name in ("name", "group", "source", "scheme", "attributes"):
            assert getattr(read, name) == getattr(written, name)


def test_packs_hold_one_scheme_and_unique_names(tmp_path):
    samples = list(five_point_samples())
    with pytest.raises(DataError, match="unique names"):
        packs.write_pack([samples[0], samples[0]], tmp_path / "x")
    other = Sample("b.png", "b", "b", random_image(0), np.zeros((1, 2), np.float32), np.ones(1, np.float32), "points-1")
    with pytest.raises(DataError, match="one scheme"):
        packs.write_pack([samples[0], other], tmp_path / "x")


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "..\\evil.png", "C:\\evil.png"])
def test_a_zip_that_climbs_out_is_refused(tmp_path, name):
    packs.write_pack(list(five_point_samples()), tmp_path / "mine")
    with zipfile.ZipFile(tmp_path / "mine.zip", "a") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, png())
    with pytest.raises(DataError, match="leads out"):
        packs.read_pack(tmp_path / "mine")


def test_mismatches_are_listed(tmp_path):
    packs.write_pack(list(five_point_samples()), tmp_path / "mine")
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        archive.writestr("a/0.png", png())
        archive.writestr("a/1.png", b"no image")
        archive.writestr("z.png", png())
    result = packs.read_pack(tmp_path / "mine")
    assert [s.name for s in result.samples] == ["a/0.png"]
    for words in ("a/1.png is not an image", "z.png has no label", "a/2.png is labelled but not in"):
        assert any(words in problem for problem in result.problems)


def test_broken_packs(tmp_path):
    names, points = np.array(["a.png"]), np.zeros((1, 5, 2), np.float32)
    (tmp_path / "mine.zip").write_bytes(b"no zip")
    np.savez(tmp_path / "mine.npz", names=names, points=points)
    with pytest.raises(DataError, match="expected a zip"):
        packs.read_pack(tmp_path / "mine")
    for arrays, words in (
        ({"names": names}, "needs 'points'"),
        ({"names": names, "points": points[0]}, "needs 'points'"),
        ({"names": names, "points": np.zeros((2, 5, 2))}, "different lengths"),
        ({"points": points}, "'names'"),
        ({"names": np.array([{}]), "points": points}, "got"),
    ):
        np.savez(tmp_path / "mine.npz", **arrays)
        with pytest.raises(DataError, match=words):
            packs.read_pack(tmp_path / "mine")
    for content in (b"", b"PK\x03\x04 broken"):
        (tmp_path / "mine.npz").write_bytes(content)
        with pytest.raises(DataError, match="expected the labels"):
            packs.read_pack(tmp_path / "mine")
    np.save(tmp_path / "one.npy", points)
    (tmp_path / "one.npy").rename(tmp_path / "mine.npz")
    with pytest.raises(DataError, match="expected the labels"):
        packs.read_pack(tmp_path / "mine")


def test_mesh_pack_gives_emotion_and_weights(tmp_path):
    mesh = np.tile(np.linspace(20, 80, 478, dtype=np.float16)[:, None], (2, 1, 2))
    names = np.array(["A_B_0001.png", "C_D_0002.png"])
    np.savez(tmp_path / "expressions.npz", names=names, mesh478=mesh, emotion=np.array(["happiness", ""]))
    write_zip(tmp_path / "expressions.zip", *names)
    first, second = packs.read_mesh_pack(tmp_path)
    assert (first.attributes, second.attributes) == ({"emotion": "happiness"}, {})
    assert first.group == "A_B"
    assert first.scheme == "300w-68"
    assert (first.weight[8], first.weight[30]) == (pytest.approx(0.05), 0.5)


def test_genki_and_class_tables(tmp_path):
    (tmp_path / "genki4k.csv").write_text(
        "file,smile,yaw_rad,pitch_rad,roll_rad\na.png,1,0.1,-0.2,0\nb.png,x,0,0,0\nc.png,0,0,0,0\n"
    )
    write_zip(tmp_path / "genki4k.zip", "a.png", "b.png", "d.png")
    result = pack_tables.read_table_pack(tmp_path / "genki4k.csv")
    (sample,) = result.samples
    assert sample.attributes == pytest.approx({"smile": 1, "yaw_deg": 5.729578, "pitch_deg": -11.459156, "roll_deg": 0})
    assert (len(sample.points), sample.scheme) == (0, "")
    assert "genki4k.csv:3" in result.problems[0]
    assert "d.png has no row" in result.problems[1]
    assert "genki4k.csv:4: c.png" in result.problems[2]
    (tmp_path / "eyes.csv").write_text("file,label\nopen/a.png,open\nclosed/b.png,closed\n")
    write_zip(tmp_path / "eyes.zip", "open/a.png", "closed/b.png")
    result = pack_tables.read_table_pack(tmp_path / "eyes.csv")
    assert [s.attributes for s in result.samples] == [{"eyes_open": 1}, {"eyes_open": 0}]
    assert len({s.group for s in result.samples}) == 2
    (tmp_path / "eyes.csv").write_text("name,label\na.png,open\n")
    with pytest.raises(DataError, match="lacks the column 'file'"):
        pack_tables.read_table_pack(tmp_path / "eyes.csv")


def test_mtfl_pack(tmp_path):
    header = (
        "path,split,pts_ok,x_leye,x_reye,x_nose,x_lmouth,x_rmouth,y_leye,y_reye,y_nose,y_lmouth,y_rmouth,"
        "gender_1m_2f,smile_1y_2n,glasses_1y_2n,pose_1..5"
    )
    rows = [
        "a.png,training,1,34,47,40,34,45,35,36,46,51,52,1,2,1,3",
        "b.png,testing,0,1,1,1,1,1,1,1,1,1,1,2,1,2,5",
        "c.png,testing,1,34,47,40,34,45,35,36,46,51,52,,,,",
        "d.png,testing,0,34,47,40,34,45,35,36,46,51,52,,,,",
        "e.png,testing,1,34,47,40,34,45,35,36,46,51,52,9,1,1,1",
    ]
    (tmp_path / "mtfl.csv").write_text("\n".join([header, *rows]) + "\n")
    write_zip(tmp_path / "mtfl.zip", *(f"{letter}.png" for letter in "abcde"))
    result = mtfl.read_mtfl_pack(tmp_path / "mtfl.csv", trim=False)
    a, b, c = result.samples
    np.testing.assert_array_equal(a.points, [(34, 35), (47, 36), (40, 46), (34, 51), (45, 52)])
    assert a.attributes == {"male": 1, "smile": 0, "glasses": 1, "pose_bin": 3, "split": "training"}
    assert (b.scheme, len(b.points), b.attributes["smile"]) == ("", 0, 1)
    assert (c.scheme, c.attributes) == ("five", {"split": "testing"})
    assert [line in problem for line, problem in zip((":4", ":5", ":6"), result.problems, strict=True)] == [True] * 3


def test_class_folders(tmp_path):
    for name in ("happy/1.png", "happy/2.png", "sad/x.png"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(png())
    (tmp_path / "set" / "sad" / "broken.jpg").write_bytes(b"no")
    (tmp_path / "set" / "angry").mkdir()
    result = folders.read_class_folders(tmp_path / "set")
    assert [s.attributes for s in result.samples] == [{"emotion": "happy"}] * 2 + [{"emotion": "sad"}]
    assert ["angry" in result.problems[0], "broken.jpg" in result.problems[1]] == [True, True]
    (tmp_path / "eyes" / "open").mkdir(parents=True)
    (tmp_path / "eyes" / "open" / "1.png").write_bytes(png())
    assert folders.read_class_folders(tmp_path / "eyes").samples[0].attributes == {"eyes_open": 1}
    assert folders.read_class_folders(tmp_path / "eyes", "lid").samples[0].attributes == {"lid": "open"}
    (tmp_path / "void").mkdir()
    with pytest.raises(DataError, match="empty folder"):
        folders.read_class_folders(tmp_path / "void")


@pytest.fixture
def clip(tmp_path):
    """Write twelve uniform frames with labels for all but frame 11, and one label beyond the end."""
    folder = tmp_path / "300VW" / "001"
    (folder / "annot").mkdir(parents=True)
    with av.open(str(folder / "vid.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        for index in range(12):
            image = np.full((128, 160, 3), 20 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    for number in [*range(1, 11), 12, 13]:
        rows = "\n".join(f"{20 + number + i % 10 * 8} {30 + i // 10 * 8}" for i in range(68))
        text = f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n"
        (folder / "annot" / f"{number:06d}.pts").write_text(text)
    return folder.parent


def test_300vw_frames_meet_their_labels(clip):
    result = w300vw.read_300vw(clip, every=5, trim=False)
    assert [s.name for s in result.samples] == ["001/000001.jpg", "001/000006.jpg"]
    for sample, number in zip(result.samples, (1, 6), strict=True):
        assert sample.points[0].tolist() == [19 + number, 29]
        assert sample.image.mean() == pytest.approx(20 * (number - 1), abs=6)
        assert sample.group == "001"
    assert [words in problem for words, problem in zip(("frame 11", "1 labels"), result.problems, strict=True)] == [
        True
    ] * 2


def test_300vw_needs_its_layout(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(DataError, match="annot"):
        w300vw.read_300vw(tmp_path)
