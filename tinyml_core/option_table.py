"""The options of a component as people read them: name, type, default and what each is for.

What an option is for is the string below its field, or the ``#:`` comment beside or above it; both are read from the
source, because Python does not keep them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from tinyml_core.options import type_name


@dataclass(frozen=True)
class Option:
    """One option; ``default`` is how Python writes it, or None where the option is required."""

    name: str
    type: str
    default: str | None
    doc: str


def option_table(declared: type) -> list[Option]:
    """The options that the dataclass ``declared`` takes, in the order of its fields."""
    docs: dict[str, str] = {}
    for owner in reversed(declared.__mro__[:-1]):
        docs |= _field_docs(owner)
    return [
        Option(field.name, _type(field), _default(field), docs.get(field.name, ""))
        for field in fields(declared)
        if field.init
    ]


def _type(field: Field[Any]) -> str:
    return field.type if isinstance(field.type, str) else type_name(field.type)


def _default(field: Field[Any]) -> str | None:
    if field.default_factory is not MISSING:
        return repr(field.default_factory())
    return None if field.default is MISSING else repr(field.default)


def _field_docs(owner: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(owner))
    except (OSError, TypeError):  # made at run time: there is no source to read
        return {}
    lines = source.splitlines()
    body = ast.parse(source).body[0]
    docs: dict[str, str] = {}
    for statement, following in zip(body.body, [*body.body[1:], None], strict=True):  # type: ignore[attr-defined]
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        match following:
            case ast.Expr(value=ast.Constant(value=str(text))):
                docs[statement.target.id] = " ".join(text.split())
            case _:
                docs[statement.target.id] = _comment(lines, statement)
    return docs


def _comment(lines: list[str], statement: ast.AnnAssign) -> str:
    last = (statement.end_lineno or statement.lineno) - 1
    _, marker, beside = lines[last].encode()[statement.end_col_offset :].decode().partition("#:")
    above: list[str] = []
    for line in reversed(lines[: statement.lineno - 1]):
        if not line.lstrip().startswith("#:"):
            break
        above.insert(0, line.lstrip()[2:].strip())
    return beside.strip() if marker else " ".join(above)
