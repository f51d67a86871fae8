"""Frozen dataclasses with a compiled constructor are built as `dataclass` would."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from inspect import signature

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facetrack.compiled.frozen import quickly_built


@dataclass(frozen=True, slots=True)
class Written:
    """As `dataclass` writes it."""

    first: object
    second: object = 2
    third: list = field(default_factory=list)


@quickly_built
@dataclass(frozen=True, slots=True)
class Quick:
    """The same, built quickly."""

    first: object
    second: object = 2
    third: list = field(default_factory=list)


def result(kind, values, named):
    """Return the values of the fields, or the error's text without the class's name."""
    try:
        built = kind(*values, **named)
    except TypeError as error:
        return str(error).replace(kind.__name__, "")
    return [getattr(built, item.name) for item in fields(kind)]


names = st.sampled_from(["first", "second", "third", "fourth"])


@given(st.lists(st.integers(), max_size=5), st.dictionaries(names, st.integers(), max_size=3))
def test_any_call(values, named):
    assert result(Quick, values, named) == result(Written, values, named)


def test_what_a_dataclass_does():
    quick = Quick(1, 2.0, [3])
    assert quick == Quick(1, 2.0, [3]) == copy.deepcopy(quick) == pickle.loads(pickle.dumps(quick))
    assert quick != Quick(1, 2.0, [4])
    assert repr(quick) == "Quick(first=1, second=2.0, third=[3])"
    assert replace(quick, second=5) == Quick(1, 5, [3])
    assert Quick(1).third is not Quick(1).third
    assert str(signature(Quick)) == str(signature(Written))
    with pytest.raises(FrozenInstanceError):
        quick.first = 2


def test_subclasses_are_built_by_their_own_constructor():
    @dataclass(frozen=True, slots=True)
    class More(Quick):
        fourth: int = 4

    assert More(1, 2, [3], 5).fourth == 5
    assert More(1).fourth == 4


def test_other_constructors_are_refused():
    @dataclass(frozen=True)
    class Checked:
        value: int

        def __post_init__(self):
            """Check something."""

    @dataclass(frozen=True, kw_only=True)
    class Named:
        value: int

    for kind in (Checked, Named):
        with pytest.raises(TypeError, match="does more or less"):
            quickly_built(kind)
