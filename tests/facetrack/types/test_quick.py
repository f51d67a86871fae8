"""Frozen values with a quick __init__ behave as dataclasses' own do."""

import copy
import inspect
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from facetrack.types.quick import quick


@dataclass(frozen=True, slots=True)
class Usual:
    """A value, made by dataclasses."""

    first: int
    second: float = 2.0
    third: Mapping[str, float] = field(default_factory=dict)


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    """The same, made quickly."""

    first: int
    second: float = 2.0
    third: Mapping[str, float] = field(default_factory=dict)


@pytest.mark.parametrize("kind", [Usual, Quick])
def test_a_value_is_made_compared_copied_and_frozen(kind):
    value = kind(1, third={"a": 1.0})
    assert (value.first, value.second, value.third) == (1, 2.0, {"a": 1.0})
    assert type(value) is kind
    assert value == kind(first=1, second=2.0, third={"a": 1.0}) != kind(2)
    assert kind(1).third is not kind(1).third, "a factory's value is each one's own"
    assert repr(kind(1)) == f"{kind.__name__}(first=1, second=2.0, third={{}})"
    changed = replace(value, second=3.0)
    assert (type(changed), changed.second, changed.third) == (kind, 3.0, {"a": 1.0})
    for made in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert made == value
        assert type(made) is kind
    with pytest.raises(FrozenInstanceError):
        value.first = 5
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        value.other = 5
    for wrong in ((), (1, 2, 3, 4)):
        with pytest.raises(TypeError, match="argument"):
            kind(*wrong)


def test_the_signature_stays():
    assert list(inspect.signature(Quick).parameters) == list(inspect.signature(Usual).parameters)
    assert inspect.signature(Quick).parameters["second"].default == 2.0


def test_no_subclasses_and_no_fields_that_are_not_set_by_position():
    with pytest.raises(TypeError, match="no subclasses"):

        class Derived(Quick):
            pass

    with pytest.raises(TypeError, match=r"Named\.name is no plain field"):

        @quick
        @dataclass(frozen=True, slots=True)
        class Named:
            name: str = field(kw_only=True)
