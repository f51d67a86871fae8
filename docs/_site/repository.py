"""MkDocs hook: the site shows the repository's own files, cards and examples among them, instead of copies of them.

Links in Markdown are those of the repository, so that they work there as well; here they become the site's. A link to a
file that does not exist is a warning, which `mkdocs build --strict` turns into a failure. A link to source code or to a
folder, which the site does not have, becomes plain text.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "tracker/facetrack/sinks/schema.json",
    "examples/README.md",
    "examples/analysis.ipynb",
)
"""Files outside docs/ that the site shows, besides the cards of weights/ and the programs of examples/."""
FOLDERS = {"weights": "weights/index.md", "examples": "examples/README.md", "docs": "index.md"}
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^)\s#]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^```.*?^```[ ]*$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^(?:[-*] |\d+\. |\|)")

log = logging.getLogger("mkdocs.hooks.repository")


def shown() -> dict[str, str]:
    """Return {path in the repository: path in the site} of the files outside docs/."""
    names = [
        *PAGES,
        *(f"weights/{path.name}" for path in sorted((REPOSITORY / "weights").glob("*.md"))),
        *(f"examples/{path.name}" for path in sorted((REPOSITORY / "examples").glob("*.py"))),
    ]
    moved = {"README.md": "overview.md", "tracker/facetrack/sinks/schema.json": "schema.json"}
    return {name: moved.get(name, name) for name in names}


def cards() -> str:
    """Return the page that lists the networks, each with the first sentence of its card."""
    lines = [
        "# Model cards",
        "",
        "Every network that comes with facetrack, its data and their terms, figures and limits.",
    ]
    lines += ["", "| network | what it is |", "|---|---|"]
    for path in sorted((REPOSITORY / "weights").glob("*.md")):
        text = path.read_text(encoding="utf-8").split("\n\n")[1].replace("\n", " ")
        sentence = re.split(r"(?<=[a-z)])\.(?= |$)", text)[0]
        lines.append(f"| [{path.stem}]({path.name}) | {sentence} |")
    return "\n".join([*lines, "", "`facetrack info --networks` prints the same from the files themselves."])


def on_files(files: Any, config: Any) -> Any:
    """Add the files outside docs/ and the list of cards."""
    from mkdocs.structure.files import File

    for name, place in shown().items():
        files.append(File.generated(config, place, abs_src_path=str(REPOSITORY / name)))
    files.append(File.generated(config, FOLDERS["weights"], content=cards()))
    return files


def on_page_markdown(markdown: str, page: Any, files: Any, **_: Any) -> str:
    """Turn links of the repository into the site's, outside fenced code, and separate lists and tables from text."""
    places = shown()
    own = {place: name for name, place in places.items()} | {FOLDERS["weights"]: FOLDERS["weights"]}
    here = own.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [_prose(markdown[end : fence.start()], here, page.file.src_uri, places), fence.group()]
        end = fence.end()
    return "".join([*parts, _prose(markdown[end:], here, page.file.src_uri, places)])


def _prose(text: str, here: str, site_page: str, places: dict[str, str]) -> str:
    return _separated(LINK.sub(lambda link: _link(link, here, site_page, places), text))


def _link(link: re.Match[str], here: str, site_page: str, places: dict[str, str]) -> str:
    label, target, anchor = link.group(1), link.group(2), link.group(3) or ""
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return link.group()
    path = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
    if path.startswith("..") or not (REPOSITORY / path).exists():
        log.warning("%s links to %s, which the repository does not have", here, target)
        return link.group()
    place = places.get(path, FOLDERS.get(path))
    if place is None and path.startswith("docs/") and (REPOSITORY / path).is_file():
        place = path.removeprefix("docs/")
    if place is None and (REPOSITORY / path / "README.md").is_file() and path.startswith("docs/"):
        place = f"{path.removeprefix('docs/')}/README.md"
    if place is None:
        return label[1:-1] if label.startswith("[`") else f"`{path}`" if label[1:-1] == target else label[1:-1]
    return f"{label}({posixpath.relpath(place, posixpath.dirname(site_page) or '.')}{anchor})"


def _separated(text: str) -> str:
    """Write lists and tables as Python-Markdown needs them: a blank line before them, no escapes in code."""
    lines: list[str] = []
    for line in text.split("\n"):
        before = lines[-1] if lines else ""
        if line.startswith("|"):  # a bar in code, which GitHub wants escaped
            line = re.sub(r"`[^`]*`", lambda code: code.group().replace("\\|", "|"), line)
        starts = BLOCK.match(line) and before.strip() and not BLOCK.match(before) and not before.startswith(" ")
        if starts and not (line.startswith("|") and before.startswith("|")):
            lines.append("")
        lines.append(line)
    return "\n".join(lines)
