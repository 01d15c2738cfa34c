"""YAML reading for hostile files: plain data out, or one sentence saying what is wrong and where.

A file holds one document of mappings with text keys, sequences and scalars. Scalars mean what the YAML 1.2 core schema
says (https://yaml.org/spec/1.2.2/#103-core-schema), not what YAML 1.1 made of them: ``no`` is text, ``1e-3`` a number,
``010`` ten, ``12:30`` text. Aliases, tags outside the core schema and repeated keys are refused, and the limits below
bound time and memory whatever the file holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import yaml

from tinyml_core.errors import InputError
from tinyml_core.input_file import require_file

MAX_BYTES = 256_000
"""Size of a file, checked before it is parsed."""
MAX_DEPTH = 32
"""Collections inside collections."""
MAX_NODES = 10_000
"""Scalars and collections together, keys included."""

_NAMESPACE = "tag:yaml.org,2002:"
_MAP, _SEQ, _STR = _NAMESPACE + "map", _NAMESPACE + "seq", _NAMESPACE + "str"


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return the one document of a YAML file as dict, list, str, int, float, bool and None.

    Raises:
        InputError: the file cannot be read, breaks a limit or is not YAML; ``place`` is ``file:line:column``.
    """
    place = str(path)
    require_file(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=place, remedy="check its permissions") from None
    if len(data) > MAX_BYTES:
        raise InputError(f"is larger than {MAX_BYTES} bytes", place=place, remedy="keep only settings in it")
    try:
        return _parse(data.decode("utf-8-sig"), place)
    except UnicodeDecodeError as error:
        raise InputError(f"byte {error.start} is not UTF-8", place=place, remedy="save the file as UTF-8") from None


def parse_scalar(text: str) -> Any:  # noqa: ANN401 - whatever the text says
    """Return the value that ``--set path=text`` means: a core schema scalar, or quoted text, ``[...]`` or ``{...}``.

    Raises:
        InputError: quotes or brackets that are not YAML, or a number out of range.
    """
    if text.lstrip()[:1] in ("[", "{", '"', "'"):
        return _parse(text, "value")
    try:
        return _convert(_tag_of(text), text)
    except ValueError as error:
        raise InputError(str(error), place=f"value {text[:40]!r}", remedy="put it in quotes if it is text") from None


class _Refused(Exception):
    """A node this reader does not accept."""

    def __init__(self, problem: str, remedy: str, mark: Any) -> None:  # noqa: ANN401 - PyYAML has two kinds
        super().__init__(problem)
        self.problem, self.remedy, self.mark = problem, remedy, mark


class _Loader(yaml.SafeLoader):
    """Composes nodes within the limits; values are built by :func:`_build`, never by PyYAML's constructors."""

    depth = nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - PyYAML's
        """Compose one node, unless it is an alias or breaks a limit."""
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        self.nodes += 1
        if isinstance(event, yaml.AliasEvent):
            raise _Refused("has an alias", "write the value out where it is needed", event.start_mark)
        if self.nodes > MAX_NODES:
            raise _Refused(f"has more than {MAX_NODES} values", "keep only settings in it", event.start_mark)
        if self.depth > MAX_DEPTH:
            raise _Refused(f"is nested deeper than {MAX_DEPTH} levels", "write it flatter", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:  # noqa: ANN401 - PyYAML's
        """The tag of an untagged node; plain scalars follow the core schema."""
        if kind is yaml.ScalarNode:
            return _tag_of(value) if implicit[0] else _STR
        return _MAP if kind is yaml.MappingNode else _SEQ


def _parse(text: str, place: str) -> Any:  # noqa: ANN401 - whatever the text says
    def refuse(problem: str, remedy: str, mark: Any) -> NoReturn:  # noqa: ANN401 - PyYAML has two kinds
        where = f"{place}:{mark.line + 1}:{mark.column + 1}" if mark else place
        raise InputError(problem, place=where, remedy=remedy) from None

    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(
            f"holds the control character U+{error.character:04X}", place=f"{place}:{line}", remedy="remove it"
        ) from None
    try:
        node = loader.get_single_node()
        return None if node is None else _build(node)
    except _Refused as error:
        refuse(error.problem, error.remedy, error.mark)
    except yaml.MarkedYAMLError as error:
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        refuse(f"is not YAML: {problem}", "correct it there", error.problem_mark or error.context_mark)
    except (ValueError, OverflowError, RecursionError):  # escapes beyond Unicode, huge %YAML versions, a full stack
        refuse("is not YAML that can be read", "correct it there", loader.get_mark())
    finally:
        loader.dispose()


def _build(node: yaml.Node) -> Any:  # noqa: ANN401 - whatever the node holds
    """The value of a composed node; its depth is bounded already."""
    if isinstance(node, yaml.MappingNode) and node.tag == _MAP:
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode) and node.tag == _SEQ:
        return [_build(item) for item in node.value]
    if not isinstance(node, yaml.ScalarNode) or node.tag not in _SCALARS:
        tag = node.tag.replace(_NAMESPACE, "!!")[:80]
        raise _Refused(f"has the tag {tag!r}, which is not accepted", "remove the tag", node.start_mark)
    try:
        return _convert(node.tag, node.value)
    except ValueError as error:
        raise _Refused(str(error), "correct the value, or quote it if it is text", node.start_mark) from None


def _mapping(node: yaml.MappingNode) -> dict[str, Any]:
    value: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        key = _build(key_node)
        if not isinstance(key, str):
            raise _Refused("has a key that is not text", "put the key in quotes", key_node.start_mark)
        if key in value:
            problem = f"the key {key[:80]!r} stands twice, first in line {lines[key]}"
            raise _Refused(problem, "remove one of them", key_node.start_mark)
        lines[key] = key_node.start_mark.line + 1
        value[key] = _build(value_node)
    return value


def _text(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds half a surrogate pair, which is not text")
    return text


def _integer(text: str) -> int:
    if len(text) <= 32:  # conversion of longer decimals takes quadratic time
        value = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        if -(2**63) <= value < 2**63:
            return value
    raise ValueError(f"the integer {text[:24]}{'...' * (len(text) > 24)} does not fit 64 bits")


def _float(text: str) -> float:
    if text.strip("+-").startswith((".i", ".I", ".n", ".N")):
        return float(text.replace(".", ""))
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"the number {text[:24]} is too large")
    return value


_SCALARS: dict[str, tuple[re.Pattern[str], Callable[[str], Any]]] = {
    _NAMESPACE + tag: (re.compile(pattern), convert)
    for tag, pattern, convert in (
        ("null", "|~|null|Null|NULL", lambda text: None),
        ("bool", "true|True|TRUE|false|False|FALSE", lambda text: text in ("true", "True", "TRUE")),
        ("int", "[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", _integer),
        (
            "float",
            r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
            _float,
        ),
        ("str", "(?s:.*)", _text),
    )
}


def _tag_of(text: str) -> str:
    """The core schema's tag of a plain scalar."""
    return next(tag for tag, (pattern, _) in _SCALARS.items() if pattern.fullmatch(text))


def _convert(tag: str, text: str) -> Any:  # noqa: ANN401 - whatever the text says
    pattern, convert = _SCALARS[tag]
    if not pattern.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no {tag.removeprefix(_NAMESPACE)}")
    return convert(text)
