"""Terms of the field in prose: phrases of tests/support/words.txt must not come back.

The list is a codespell dictionary. codespell compares single words: entries with a space or hyphen are checked here.
"""

import re

import pytest

from places import REPOSITORY

ENTRIES = dict(
    line.split("->") for line in (REPOSITORY / "tests" / "support" / "words.txt").read_text().splitlines() if line
)
PHRASES = {wrong: right for wrong, right in ENTRIES.items() if re.search("[ -]", wrong)}
FOLDERS = ("tracker", "train", "tests", "docs", "examples", "weights")
SUFFIXES = (".py", ".md", ".toml")


def checked_files():
    """Return the Python, Markdown and TOML files at the top and below FOLDERS."""
    paths = [*REPOSITORY.iterdir(), *(path for name in FOLDERS for path in (REPOSITORY / name).rglob("*"))]
    return sorted(str(path.relative_to(REPOSITORY)) for path in paths if path.suffix in SUFFIXES)


def pattern(phrase):
    """Return a regular expression of the phrase as whole words; `--held-aside`, an option's name, is no match.

    Between two words of a phrase a line may end: with a string's quotes, and in a comment or quotation with its sign.
    """
    gap = r"""(?:[ ]+|[ ]*["']?\s*\n\s*(?:[#>]|f?["'])?[ ]*)"""
    return re.compile(rf"(?<![\w-]){gap.join(map(re.escape, phrase.split(' ')))}(?![\w-])", re.IGNORECASE)


PATTERNS = {phrase: pattern(phrase) for phrase in PHRASES}


@pytest.mark.parametrize("name", checked_files())
def test_file_uses_the_fields_words(name):
    text = (REPOSITORY / name).read_text()
    found = {phrase: PHRASES[phrase] for phrase, pattern in PATTERNS.items() if pattern.search(text)}
    assert found == {}, "replace each phrase by the term after it"


@pytest.mark.parametrize("gap", [" ", "  ", "-", "\n", "\n    # ", "\n> ", ' "\n    "', '"\n    f" '])
def test_phrase_is_found(gap):
    text = f"Faces that the training held{gap}aside."
    assert any(pattern.search(text) for pattern in PATTERNS.values())


@pytest.mark.parametrize("text", ["--held-aside 0.06", "held_aside", "held-out faces", "held to an aside"])
def test_other_text_is_not(text):
    assert not any(pattern.search(text) for pattern in PATTERNS.values())
