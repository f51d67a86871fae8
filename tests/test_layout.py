"""Allowed imports by the table in CONTRIBUTING.md; sizes of folders, files and functions; light import of facetrack."""

import ast
import re
import subprocess
import sys

import pytest

from places import REPOSITORY

PACKAGES = {"facetrack": REPOSITORY / "tracker", "facetrain": REPOSITORY / "train"}
MODULES = {
    str(path.relative_to(base)).removesuffix(".py").replace("/", ".").removesuffix(".__init__"): path
    for name, base in PACKAGES.items()
    for path in (base / name).rglob("*.py")
}
MAX_FILES, MAX_LINES, MAX_FUNCTION_LINES = 15, 300, 60


def room(module):
    """Return a module's top-level folder: "facetrain.evaluation.signals.report" -> "facetrain.evaluation"."""
    return ".".join(module.split(".")[:2])


def imports():
    """Yield (importing module, imported module) of all imports of the two packages, also inside functions."""
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            targets = []
            if isinstance(node, ast.ImportFrom) and node.module and room(node.module).split(".")[0] in PACKAGES:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                targets = [name if name in MODULES else node.module for name in names]
            elif isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names if alias.name.split(".")[0] in PACKAGES]
            yield from ((module, target) for target in targets)


def table():
    """Return {folder: folders that it may import} and the single exceptions, from CONTRIBUTING.md."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text().partition("## What may import what")[2]
    groups = {
        name: set(re.findall(r"facetrack\.\w+", line))
        for name, line in re.findall(r"^(Floors \d-\d): (.*)$", text, re.MULTILINE)
    }
    rooms = {room(module) for module in MODULES if "." in module}
    groups |= {f"every room of {package}": {r for r in rooms if r.startswith(package)} for package in PACKAGES}
    allowed, exceptions = {}, set()
    for line in re.findall(r"^\| (fac.*) \|$", text, re.MULTILINE):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 3:
            exceptions.add((cells[0], cells[1]))
            continue
        entries = [entry.strip() for entry in cells[1].split(",")]
        named = {key.lower(): value for key, value in groups.items()}
        targets = set().union(*(named.get(entry.lower(), {entry}) for entry in entries))
        allowed |= {source.strip(): targets for source in cells[0].split(",")}
    return allowed, exceptions


def test_imports_point_down():
    allowed, exceptions = table()
    assert {room(module) for module in MODULES if "." in module} - {"facetrack.__main__"} == set(allowed)
    wrong = {
        f"{module} -> {target}"
        for module, target in imports()
        if "." in module
        and module != "facetrack.__main__"
        and room(target) != room(module)
        and target not in PACKAGES
        and room(target) not in allowed[room(module)]
        and not any(module == a and (target == b or target.startswith(f"{b}.")) for a, b in exceptions)
    }
    assert wrong == set()


def test_every_exception_is_used():
    used = set(imports())
    unused = {(a, b) for a, b in table()[1] if not any(s == a and (t == b or t.startswith(f"{b}.")) for s, t in used)}
    assert unused == set()


def test_no_import_cycle_between_modules():
    graph = {}
    for module, target in imports():
        graph.setdefault(module, set()).add(target)
    done, path = set(), []

    def visit(module):
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        path.append(module)
        for target in graph.get(module, ()):
            if target != module and target not in PACKAGES:
                visit(target)
        path.pop()
        done.add(module)

    for module in graph:
        if module not in PACKAGES:
            visit(module)


@pytest.mark.parametrize("top", ["tracker", "train", "tests"])
def test_no_folder_holds_more_files_than_a_reader_can_survey(top):
    folders = [path for path in (REPOSITORY / top).rglob("*") if path.is_dir() and "__pycache__" not in path.parts]
    crowded = {str(f.relative_to(REPOSITORY)): n for f in folders if (n := len(list(f.glob("*.py")))) > MAX_FILES}
    assert crowded == {}


def test_no_file_or_function_is_too_long():
    long = [
        f"{module}: {n} lines"
        for module, path in MODULES.items()
        if (n := len(path.read_text().splitlines())) > MAX_LINES
    ]
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES:
                long.append(f"{module}.{node.name}: {node.end_lineno - node.lineno + 1} lines")
    assert long == []


@pytest.mark.parametrize("module", ["facetrack", "facetrack.sinks", "facetrack.cli"])
def test_importing_is_light(module: str):
    heavy = ("torch", "mediapipe", "onnxruntime", "openvino", "cv2", "av", "facetrain")
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert imported.strip() == "[]"
