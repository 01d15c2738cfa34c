"""One row for each layer: what it costs, and how far its output lies from the float network's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyml_plugins.report.text import printable, shape

MOST_LAYERS = 500
"""Rows on a page."""
HIGH_SQNR = 50.0
"""Decibels that fill the bar of an error: int8 alone gives about 50 where a tensor uses its whole range."""
PARTS = 8
"""Layers whose constants are told one by one."""


@dataclass(frozen=True)
class Bar:
    """A number and its share of the greatest, in percent."""

    value: float | None
    percent: float


@dataclass(frozen=True)
class Row:
    """A layer; an error is None where the float network was not at hand or does not compute this tensor."""

    number: int
    name: str
    operator: str
    kernel: str
    shape: str
    macs: int
    instructions: Bar
    cycles: Bar
    per_mac: float | None
    constant_bytes: int
    sqnr: Bar | None
    same: bool
    cosine: float | None


def layer_rows(build: Mapping[str, Any], share: float = 1.0) -> list[Row]:
    """Rows in execution order; ``share`` of the page is for this build."""
    layers = (build.get("layers") or [])[: int(MOST_LAYERS * share)]
    most = {key: max((layer.get(key) or 0 for layer in layers), default=0) or 1 for key in ("instructions", "cycles")}
    rows = []
    for number, layer in enumerate(layers):
        error = layer.get("error")
        sqnr = error["sqnr_db"] if error else None
        rows.append(
            Row(
                number=number, name=printable(layer["name"]), operator=printable(layer.get("operator", "")),
                kernel=printable(layer["kernel"]), shape=shape(layer["shape"]), macs=layer["macs"],
                instructions=_bar(layer.get("instructions"), most["instructions"]),
                cycles=_bar(layer.get("cycles"), most["cycles"]),
                per_mac=layer["cycles"] / layer["macs"] if layer["macs"] else None,
                constant_bytes=layer.get("constant_bytes", 0),
                sqnr=_bar(min(max(sqnr, 0), HIGH_SQNR), HIGH_SQNR, sqnr) if sqnr is not None else None,
                same=bool(error) and sqnr is None, cosine=error["cosine"] if error else None,
            )
        )  # fmt: skip
    return rows


def _bar(value: float | None, greatest: float, shown: float | None = None) -> Bar:
    return Bar(shown if shown is not None else value, round(100 * (value or 0) / greatest, 1))


@dataclass(frozen=True)
class Part:
    """Bytes of flash under a name."""

    name: str
    bytes: int
    percent: float
    kind: str


def flash_parts(build: Mapping[str, Any]) -> list[Part]:
    """Code, the constants of the layers with the most, all others, and what kernels keep beside the graph's."""
    flash, layers = build["flash_bytes"], build.get("layers") or []
    own = sorted(layers, key=lambda layer: -layer.get("constant_bytes", 0))
    parts = [("code", flash["code"] or 0, "code")]
    parts += [(printable(layer["name"], 60), layer.get("constant_bytes", 0), "weights") for layer in own[:PARTS]]
    rest = sum(layer.get("constant_bytes", 0) for layer in own[PARTS:])
    parts.append((f"{len(own) - PARTS} more layers", rest, "weights"))
    tables = flash["weights"] - sum(layer.get("constant_bytes", 0) for layer in layers)
    parts.append(("tables of kernels, padding", tables, "tables"))
    total = flash["total"] or 1
    return [Part(name, size, round(100 * size / total, 2), kind) for name, size, kind in parts if size > 0]
