"""Options: everything wrong is told at once, and nothing is converted behind the user's back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Optional

import pytest

from tinyml_core.errors import InputError
from tinyml_core.option_table import Option, option_table
from tinyml_core.options import parse_options


@dataclass(frozen=True)
class Schedule:
    """A nested one."""

    epochs: int = 1
    rates: tuple[float, ...] = (0.1,)


@dataclass(frozen=True)
class Everything:
    """One field of each sort."""

    needed: int
    """Has no default."""
    count: int = 1
    rate: float = 0.5
    flag: bool = False
    title: str = ""
    mode: Literal["fast", "small", 1] = "fast"
    limit: int | None = None
    older: Optional[str] = None  # noqa: UP045 - authors write it
    pair: tuple[int, str] = (1, "a")
    many: Sequence[int] = ()
    listed: list[int] = field(default_factory=list)
    nested: Schedule = Schedule()
    either: Schedule | None = None
    anything: Any = None
    mapped: Mapping[str, object] = field(default_factory=dict)
    derived: int = field(default=0, init=False)
    shared: ClassVar[int] = 3

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("count must not be negative")


def parse(**options):
    return parse_options(Everything, {"needed": 1, **options}, owner="thing 'x'", place="p")


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("rate", 2, 2.0),
        ("limit", None, None),
        ("limit", 3, 3),
        ("older", "x", "x"),
        ("mode", 1, 1),
        ("pair", [2, "b"], (2, "b")),
        ("many", [1, 2], (1, 2)),
        ("listed", (1, 2), [1, 2]),
        ("nested", {"epochs": 4, "rates": [1, 0.5]}, Schedule(4, (1.0, 0.5))),
        ("nested", Schedule(7), Schedule(7)),
        ("either", {"epochs": 4}, Schedule(4)),
        ("anything", [True, {}], [True, {}]),
        ("mapped", {"a": 1}, {"a": 1}),
    ],
)
def test_value_is_taken(name, given, taken):
    value = getattr(parse(**{name: given}), name)
    assert value == taken
    assert type(value) is type(taken)


@pytest.mark.parametrize(
    ("name", "given", "problem"),
    [
        ("count", True, "p.count: True is not of type int"),
        ("count", 1.0, "p.count: 1.0 is not of type int"),
        ("count", "1", "p.count: '1' is not of type int"),
        ("count", None, "p.count: None is not of type int"),
        ("rate", True, "p.rate: True is not of type float"),
        ("rate", 10**400, "is not of type float"),
        ("flag", 1, "p.flag: 1 is not of type bool"),
        ("title", 1, "p.title: 1 is not of type str"),
        ("mode", "fats", "p.mode: 'fats' is not one of 'fast', 'small', 1; did you mean 'fast'?"),
        ("mode", True, "p.mode: True is not one of"),
        ("limit", "no", "p.limit: 'no' is not of type int | None"),
        ("pair", [1], "p.pair: [1] has 1 items, not 2"),
        ("pair", "ab", "p.pair: 'ab' is not of type tuple[int, str]"),
        ("many", [1, "b", None], "p.many[1]: 'b' is not of type int; p.many[2]: None is not of type int"),
        ("nested", {"epoch": 4}, "p.nested.epoch: unknown option of thing 'x'; did you mean 'epochs'?"),
        ("nested", {"rates": ["a"]}, "p.nested.rates[0]: 'a' is not of type float"),
        ("either", {"epochs": "4"}, "p.either.epochs: '4' is not of type int"),
        ("mapped", [1], "p.mapped: [1] is not of type"),
        ("derived", 1, "p.derived: unknown option"),
        ("shared", 1, "p.shared: unknown option"),
        ("count", -1, "p: count must not be negative"),
        ("title", ["x" * 5000], "is not of type str"),
    ],
)
def test_value_is_refused(name, given, problem):
    with pytest.raises(InputError) as raised:
        parse(**{name: given})
    assert problem in str(raised.value)
    assert len(str(raised.value)) < 200


def test_all_problems_are_told_at_once():
    with pytest.raises(InputError) as raised:
        parse_options(Everything, {"cuont": 1, "rate": "x", "nested": {"epochs": 1.5}}, owner="thing 'x'")
    assert str(raised.value) == (
        "cuont: unknown option of thing 'x'; did you mean 'count'?; rate: 'x' is not of type float; "
        "nested.epochs: 1.5 is not of type int; needed: required by thing 'x'"
    )


@dataclass(frozen=True)
class Documented(Schedule):
    """Fields explained in each way there is."""

    #: The first line
    #: and the second.
    above: int = 1
    beside: str = "é"  #: after an é
    below: tuple[int, ...] = (1, 2)
    """Over
    two lines."""
    bare: float | None = None  # an ordinary comment
    required: int = field(kw_only=True)


def test_table_of_options():
    assert option_table(Documented) == [
        Option("epochs", "int", "1", ""),
        Option("rates", "tuple[float, ...]", "(0.1,)", ""),
        Option("above", "int", "1", "The first line and the second."),
        Option("beside", "str", "'é'", "after an é"),
        Option("below", "tuple[int, ...]", "(1, 2)", "Over two lines."),
        Option("bare", "float | None", "None", ""),
        Option("required", "int", None, ""),
    ]


def test_table_of_a_class_made_at_run_time():
    made = dataclass(type("Made", (), {"__annotations__": {"size": int}, "size": 3}))
    assert option_table(made) == [Option("size", "int", "3", "")]
