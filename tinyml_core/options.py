"""Options: a mapping from a project file checked against the frozen dataclass that declares it.

Every problem is found before anything is reported. Integers pass for floats, lists for tuples, mappings for nested
dataclasses; nothing else is converted, and ``true`` is never a number. Ranges are the dataclass's own affair: a
``ValueError`` from its ``__post_init__`` is reported as the user's.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from reprlib import repr as short
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tinyml_core.errors import InputError
from tinyml_core.suggestion import did_you_mean


class _UnusableError(Exception):
    """The problems found, one line each."""


def parse_options(
    declared: type, options: Mapping[str, object], *, owner: str, place: str = "", remedy: str = ""
) -> Any:  # noqa: ANN401 - an instance of whatever was declared
    """An instance of the dataclass ``declared``.

    ``owner`` is what the options are for, such as ``search-strategy 'evolution'``; ``place`` is where they stand, such
    as ``search.options``.

    Raises:
        InputError: options are unknown, missing, of the wrong type or out of range; all of them in one message.
    """
    try:
        return _instance(declared, options, owner, place)
    except _UnusableError as problems:
        raise InputError("; ".join(problems.args), remedy=remedy) from problems.__cause__


def refuse_options(options: Mapping[str, object], *, owner: str, place: str = "") -> None:
    """Raise InputError unless ``options`` is empty, because ``owner`` has none."""
    if options:
        raise InputError("; ".join(f"{_under(place, key)}: {owner} takes no options" for key in options))


def type_name(annotation: Any) -> str:  # noqa: ANN401 - any annotation
    """An annotation as its author would write it: ``int | None``."""
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)


def _under(place: str, key: object) -> str:
    return f"{place}.{key}" if place else str(key)


def _instance(declared: type, options: Mapping[str, object], owner: str, place: str) -> Any:  # noqa: ANN401
    hints = get_type_hints(declared)
    known = {field.name: field for field in fields(declared) if field.init}
    problems: list[str] = []
    values: dict[str, object] = {}
    for key, value in options.items():
        if key not in known:
            hint = did_you_mean(str(key), known)
            problems.append(f"{_under(place, key)}: unknown option of {owner}" + (f"; {hint}" if hint else ""))
            continue
        try:
            values[key] = _value(hints[key], value, owner, _under(place, key))
        except _UnusableError as found:
            problems += found.args
    for name, field in known.items():
        if field.default is MISSING and field.default_factory is MISSING and name not in options:
            problems.append(f"{_under(place, name)}: required by {owner}")
    if problems:
        raise _UnusableError(*problems)
    try:
        return declared(**values)
    except (ValueError, InputError) as error:
        raise _UnusableError(f"{place or owner}: {error}") from error


def _value(wanted: Any, value: object, owner: str, place: str) -> object:  # noqa: ANN401 - any annotation
    origin, arguments = get_origin(wanted) or wanted, get_args(wanted)
    if origin in (Any, object):
        return value
    if origin in (Union, types.UnionType):
        return _alternative(wanted, value, owner, place)
    if origin is Literal:
        return _choice(arguments, value, place)
    if isinstance(value, Mapping) and is_dataclass(origin) and isinstance(origin, type):
        return _instance(origin, value, owner, place)
    if isinstance(value, list | tuple) and origin in (tuple, list, Sequence):
        return _items(wanted, value, owner, place)
    if origin is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**1023:
        return float(value)
    accepted = types.NoneType if origin is None else origin
    if isinstance(value, accepted) and (accepted is bool or not isinstance(value, bool)):
        return value
    raise _UnusableError(f"{place}: {short(value)} is not of type {type_name(wanted)}")


def _alternative(wanted: Any, value: object, owner: str, place: str) -> object:  # noqa: ANN401 - any annotation
    for candidate in get_args(wanted):
        try:
            return _value(candidate, value, owner, place)
        except _UnusableError:
            if isinstance(value, Mapping) and is_dataclass(candidate):
                raise  # what is wrong inside the mapping says more than the list of alternatives
    raise _UnusableError(f"{place}: {short(value)} is not of type {type_name(wanted)}")


def _choice(choices: tuple[object, ...], value: object, place: str) -> object:
    # 1 == True == 1.0, so equality alone would let one stand for the other.
    if any(value == choice and type(value) is type(choice) for choice in choices):
        return value
    hint = did_you_mean(value, map(str, choices)) if isinstance(value, str) else ""
    listed = ", ".join(map(repr, choices))
    raise _UnusableError(f"{place}: {short(value)} is not one of {listed}" + (f"; {hint}" if hint else ""))


def _items(wanted: Any, value: Sequence[object], owner: str, place: str) -> object:  # noqa: ANN401 - any annotation
    origin, arguments = get_origin(wanted) or wanted, get_args(wanted) or (Any, ...)
    if origin is not tuple or arguments[-1] is Ellipsis:
        arguments = arguments[:1] * len(value)
    if len(arguments) != len(value):
        raise _UnusableError(f"{place}: {short(value)} has {len(value)} items, not {len(arguments)}")
    items: list[object] = []
    problems: list[str] = []
    for index, (argument, item) in enumerate(zip(arguments, value, strict=True)):
        try:
            items.append(_value(argument, item, owner, f"{place}[{index}]"))
        except _UnusableError as found:
            problems += found.args
    if problems:
        raise _UnusableError(*problems)
    return items if origin is list else tuple(items)
