"""Mutation test of one module: change one operator, constant or statement at a time, and see whether its tests notice.

    PYTHONPATH=tracker python tests/mutation/mutate.py MODULE TESTS.., such as facetrack.capture.timeline

Prints every mutant that the tests pass with ("survived"), then the counts. Each mutant runs in a forked child, so that
imports are paid for once, until the first test that fails; the tests that found the mutants before come first, then the
quick ones. POSIX only. --every 3 --first 1 takes every third mutant from the second on; other options go to pytest.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

LIMIT_S = 120
"""CPU time after which a mutant is taken for an endless loop: the tests notice that, too."""
SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "minimum": "maximum",
         "maximum": "minimum", "sin": "cos", "cos": "sin"}  # fmt: skip


def sites(tree: ast.Module) -> Iterator[tuple[ast.AST, str, object]]:
    """Yield (node, field, new value) of every mutant; annotations, docstrings and default-less names stay."""
    skipped = {id(part) for node in ast.walk(tree) for part in unchanged(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Compare):
            for i, operator in enumerate(node.ops):
                if type(operator) in SWAPS:
                    yield node, "ops", [*node.ops[:i], SWAPS[type(operator)](), *node.ops[i + 1 :]]
        elif isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPS:
            yield node, "op", SWAPS[type(node.op)]()
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
            yield node, "op", ast.UAdd() if isinstance(node.op, ast.USub) else ast.parse("bool").body[0]
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            yield node, "value", other(node.value)
        elif isinstance(node, ast.Name) and node.id in NAMES:
            yield node, "id", NAMES[node.id]
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            yield node, "attr", NAMES[node.attr]
        elif isinstance(node, ast.IfExp):
            yield node, "test", ast.Constant(True)
        elif isinstance(node, ast.If | ast.While):
            yield node, "test", ast.Constant(False)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield node, "value", ast.Constant(None)


def other(value: bool | int | float) -> object:
    """Return the constant that a mutant has instead: the opposite, one more, or 1.4 times as much."""
    if isinstance(value, bool):
        return not value
    return value + 1 if value == int(value) else 1.4 * value


def unchanged(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is no code of the node: annotations and decorators."""
    parts: list[ast.AST | None] = []
    if isinstance(node, ast.FunctionDef):
        parts = [node.returns, *node.decorator_list, *(a.annotation for a in (*node.args.args, *node.args.kwonlyargs))]
    elif isinstance(node, ast.AnnAssign):
        parts = [node.annotation]
    elif isinstance(node, ast.ClassDef):
        parts = list(node.decorator_list)
    for part in parts:
        if part is not None:
            yield from ast.walk(part)


def mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield (description, mutated tree)."""
    count = sum(1 for _ in sites(ast.parse(source)))
    for i in range(count):
        tree = ast.parse(source)
        node, field, value = next(site for j, site in enumerate(sites(tree)) if j == i)
        before = ast.unparse(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):  # `not x` -> `bool(x)`
            value = ast.Call(ast.Name("bool", ast.Load()), [node.operand], [])
            replace(tree, node, value)
            after = ast.unparse(value)
        else:
            setattr(node, field, copy.deepcopy(value))
            after = ast.unparse(node)
        ast.fix_missing_locations(tree)
        yield f"{node.lineno}: {before}  ->  {after}", tree


def replace(tree: ast.Module, old: ast.AST, new: ast.AST) -> None:
    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else self.generic_visit(node)

    Replace().visit(tree)


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import of one module from a tree instead of its file."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self._name, self._path, self._tree = name, path, tree

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, self._path, loader=self)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module) -> None:  # type: ignore[no-untyped-def]
        exec(compile(self._tree, str(self._path), "exec"), module.__dict__)


class Order:
    """Order of the tests, a pytest plugin: those that failed most often come first, then by the time they took."""

    def __init__(self) -> None:
        self._failed: Counter[str] = Counter()
        self._took_s: dict[str, float] = {}
        self._results: int | None = None

    def run(self, tests: list[str], results: int) -> int:
        """Run the tests in a child; results: the open file that their outcomes are written to, a line a test."""
        import pytest

        self._results = results
        return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests], plugins=[self]))

    def hear(self, lines: str) -> None:
        """Take in the outcomes of a child's tests."""
        for line in lines.splitlines():
            test, took_s, failed = line.split("\t")
            self._took_s.setdefault(test, float(took_s))
            self._failed[test] += failed == "True"

    def pytest_collection_modifyitems(self, items: list) -> None:  # type: ignore[type-arg]
        items.sort(key=lambda item: (-self._failed[item.nodeid], self._took_s.get(item.nodeid, 0.0)))

    def pytest_runtest_logreport(self, report) -> None:  # type: ignore[no-untyped-def]
        if self._results is not None and (report.when == "call" or report.failed):
            os.write(self._results, f"{report.nodeid}\t{report.duration}\t{report.failed}\n".encode())


def passes(name: str, path: Path, tree: ast.Module, tests: list[str], order: Order) -> bool:
    """Run the tests in a child with the module made from the tree; returns whether all pass."""
    with tempfile.TemporaryFile() as results:
        child = os.fork()
        if child == 0:
            signal.setitimer(signal.ITIMER_PROF, LIMIT_S)  # not a matter of how busy the machine is
            with open(os.devnull, "w") as null, contextlib.redirect_stdout(null), contextlib.redirect_stderr(null):
                sys.meta_path.insert(0, Mutated(name, path, tree))
                code = order.run(tests, results.fileno())
            os._exit(code)
        result = os.waitpid(child, 0)[1]
        results.seek(0)
        order.hear(results.read().decode())
    return result == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    given, options = parser.parse_known_args()
    tests = [*given.tests, *options]
    path = Path(next(p for p in sys.path if (Path(p) / f"{given.module.replace('.', '/')}.py").is_file())) / (
        f"{given.module.replace('.', '/')}.py"
    )
    for library in ("numpy", "cv2", "av", "scipy.spatial", "hypothesis", "pytest"):
        importlib.import_module(library)
    source = path.read_text(encoding="utf-8")
    order = Order()
    if not passes(given.module, path, ast.parse(source), tests, order):
        raise SystemExit("the tests fail without any change")
    found = list(mutants(source))[given.first :: given.every]
    survived = 0
    for i, (text, tree) in enumerate(found):
        if passes(given.module, path, tree, tests, order):
            survived += 1
            print("survived", f"({i + 1} of {len(found)})", text, flush=True)
    print(f"{given.module}: {len(found)} mutants, {len(found) - survived} killed, {survived} survived", flush=True)


if __name__ == "__main__":
    main()
