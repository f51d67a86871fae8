"""Damaged data sets in every format that is read, and the reading of them."""

from __future__ import annotations

import csv
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from facetrack import topology
from facetrain.evaluation.damage.bytes import Rng, damage
from facetrain.formats.open import read_any
from facetrain.formats.public.kaggle import COLUMNS, SIDE_PX

N = 3
"""Pictures of an undamaged set."""
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def write_case(rng: Rng, folder: Path) -> tuple[str, Path]:
    """Write one damaged data set; return its description and the path to read."""
    if rng.random() < 0.25:
        hostile = HOSTILE[int(rng.integers(len(HOSTILE)))]
        return hostile.__name__.strip("_"), hostile(rng, folder)
    maker = MAKERS[int(rng.integers(len(MAKERS)))]
    path = maker(rng, folder)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    kinds = []
    for file in rng.choice(np.array(files, object), int(rng.integers(1, min(3, len(files)) + 1)), replace=False):
        kind, data = damage(file.read_bytes(), rng)
        file.write_bytes(data)
        kinds.append(f"{kind} {file.suffix}")
    return f"{maker.__name__.strip('_')}: {', '.join(kinds)}", path


def read_case(path: Path) -> None:
    """Read the set. Raises AssertionError where a sample is not what the training expects."""
    for sample in read_any(path).samples:
        assert sample.image.dtype == np.uint8, "not uint8"
        assert sample.image.ndim == 3, "not (H, W, 3)"
        known = np.isfinite(sample.points).all(axis=1)
        assert (sample.weight[~known] == 0).all(), "weight on a point that is no number"


def _jpeg(rng: Rng) -> bytes:
    return cv2.imencode(".jpg", rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))[1].tobytes()


def _points(rng: Rng, count: int = topology.N_POINTS) -> np.ndarray:
    return rng.uniform(8, 40, (count, 2)).astype(np.float32)


def _zip(rng: Rng, path: Path, names: list[str]) -> None:
    with zipfile.ZipFile(path, "w", COMPRESSIONS[int(rng.integers(len(COMPRESSIONS)))]) as archive:
        for name in names:
            archive.writestr(name, _jpeg(rng))


def _pack(rng: Rng, folder: Path) -> Path:
    names = [f"{i}.jpg" for i in range(N)]
    _zip(rng, folder / "faces.zip", names)
    save = np.savez_compressed if rng.random() < 0.5 else np.savez
    points = np.stack([_points(rng) for _ in names])
    save(folder / "faces.npz", names=np.array(names), points=points, attributes=np.array(['{"smile": 1}'] * N))
    return folder / "faces.npz"


def _table(rng: Rng, folder: Path) -> Path:
    names = [f"{i}.jpg" for i in range(N)]
    _zip(rng, folder / "eyes.zip", names)
    (folder / "eyes.csv").write_text("file,label\n" + "".join(f"{name},open\n" for name in names))
    return folder / "eyes.csv"


def _pts(rng: Rng, folder: Path) -> Path:
    for i in range(N):
        (folder / f"{i}.jpg").write_bytes(_jpeg(rng))
        rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in _points(rng))
        (folder / f"{i}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    return folder


def _dlib(rng: Rng, folder: Path) -> Path:
    boxes = []
    for i in range(N):
        (folder / f"{i}.jpg").write_bytes(_jpeg(rng))
        parts = "".join(f'<part name="{k}" x="{x:.0f}" y="{y:.0f}"/>' for k, (x, y) in enumerate(_points(rng)))
        boxes.append(f'<image file="{i}.jpg"><box top="0" left="0" width="9" height="9">{parts}</box></image>')
    (folder / "a.xml").write_text(f"<dataset><images>{''.join(boxes)}</images></dataset>")
    return folder / "a.xml"


def _coco(rng: Rng, folder: Path) -> Path:
    annotations = []
    for i in range(N):
        (folder / f"{i}.jpg").write_bytes(_jpeg(rng))
        keypoints = [float(v) for x, y in _points(rng) for v in (x, y, 2)]
        annotations.append({"image_id": i, "keypoints": keypoints})
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 64, "height": 48} for i in range(N)]
    (folder / "a.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return folder / "a.json"


def _text(rng: Rng, folder: Path) -> Path:
    lines = []
    wflw = rng.random() < 0.5
    for i in range(N):
        (folder / f"{i}.jpg").write_bytes(_jpeg(rng))
        if wflw:
            lines.append(" ".join(f"{v:.2f}" for v in _points(rng, 98).ravel()) + f" {i}.jpg")
        else:
            lines.append(f"{i}.jpg " + " ".join(f"{v:.2f}" for v in _points(rng, 5).T.ravel()) + " 1 2 1 3")
    (folder / "list.txt").write_text("\n".join(lines) + "\n")
    return folder / "list.txt"


def _kaggle(rng: Rng, folder: Path) -> Path:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, "Image"])
    for _ in range(N):
        writer.writerow([*rng.uniform(9, 80, len(COLUMNS)), " ".join(map(str, rng.integers(0, 256, SIDE_PX**2)))])
    (folder / "training.csv").write_text(text.getvalue())
    return folder / "training.csv"


def _mat(rng: Rng, folder: Path) -> Path:
    from scipy.io import savemat

    images = np.empty((N, 1), object)
    for i in range(N):
        images[i, 0] = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    savemat(folder / "COFW_test_color.mat", {"IsT": images, "phisT": rng.uniform(1, 40, (N, 87))}, do_compression=True)
    return folder / "COFW_test_color.mat"


def _bad_entry(rng: Rng, folder: Path) -> Path:
    path = _pack(rng, folder)
    name = str(rng.choice([".", "..", "/", "a/../../b.jpg", "C:/x.jpg", "\\\\host\\x.jpg", "a\0b.jpg", "é" * 300]))
    with zipfile.ZipFile(folder / "faces.zip", "a") as archive:
        archive.writestr(name, _jpeg(rng))
    return path


def _zip_bomb(rng: Rng, folder: Path) -> Path:
    path = _pack(rng, folder)
    with (
        zipfile.ZipFile(folder / "faces.zip", "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("b.jpg", "w") as file,
    ):
        for _ in range(300):
            file.write(bytes(2**20))
    return path


def _huge_header(rng: Rng, folder: Path) -> Path:
    path = _pts(rng, folder)
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(header) - 4) + header + struct.pack(">I", zlib.crc32(header))
    (folder / "0.jpg").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + b"\0" * 100)
    return path


def _array_claim(rng: Rng, folder: Path) -> Path:
    """Write an .npy in the pack that claims far more than it holds, or a type that needs pickle."""
    path = _pack(rng, folder)
    header = str(rng.choice([
        "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999, 68, 2), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 68, 2), }",
        "{'descr': '<f4', 'shape': (" + "(" * 200,
        "[" * 5000,
    ]))  # fmt: skip
    body = header.encode() + b"\n"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("weight.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(body)) + body + bytes(100))
    return path


def _deep_json(rng: Rng, folder: Path) -> Path:
    path = _coco(rng, folder)
    path.write_text(
        str(rng.choice(["[" * 200_000, '{"images":' * 50_000, '{"images": [' + "9" * 5000 + "]}", "[1e999]"]))
    )
    return path


def _odd_coco(rng: Rng, folder: Path) -> Path:
    """Values of other types where numbers, names and objects are expected."""
    path = _coco(rng, folder)
    content = json.loads(path.read_text())
    odd: tuple[object, ...] = (None, True, 10**400, -1, 1e308, "x", [], {}, [None], "../../../etc/passwd", "\0")
    for _ in range(3):
        part = content[str(rng.choice(["images", "annotations"]))]
        entry = part[int(rng.integers(len(part)))]
        key = str(rng.choice(list(entry)))
        if key == "keypoints" and isinstance(entry[key], list) and rng.random() < 0.7:
            entry[key][int(rng.integers(len(entry[key])))] = odd[int(rng.integers(len(odd)))]
        else:
            entry[key] = odd[int(rng.integers(len(odd)))]
    path.write_text(json.dumps(content))
    return path


def _billion_laughs(rng: Rng, folder: Path) -> Path:
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    doctype = f'<!DOCTYPE d [<!ENTITY a0 "ha">{entities}]>'
    (folder / "a.xml").write_text(f"<?xml version='1.0'?>{doctype}<dataset><images>&a9;</images></dataset>")
    return folder / "a.xml"


def _wrong_kind(rng: Rng, folder: Path) -> Path:
    """Write a file of one format under the name of another."""
    _pack(rng, folder)
    suffix = str(rng.choice([".xml", ".json", ".mat", ".txt", ".csv", ".npz", ".tfrecord", ".pts"]))
    path = folder / f"other{suffix}"
    path.write_bytes((folder / str(rng.choice(["faces.zip", "faces.npz"]))).read_bytes())
    return path


Maker = Callable[[Rng, Path], Path]
MAKERS: tuple[Maker, ...] = (_pack, _table, _pts, _dlib, _coco, _text, _kaggle, _mat)
HOSTILE: tuple[Maker, ...] = (
    _bad_entry, _zip_bomb, _huge_header, _array_claim, _deep_json, _odd_coco, _billion_laughs, _wrong_kind,
)  # fmt: skip
