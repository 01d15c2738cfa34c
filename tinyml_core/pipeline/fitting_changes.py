"""Changes that could make a network fit, in the order of what they cost.

Another plan leaves every output as it is; smaller images and fewer channels ask for a new training; a larger part asks
for a new board.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tinyml_core.api.quantizer import Quantizer
from tinyml_core.errors import PluginError, TinyMLError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.fitting_planner import AS_IT_IS, Change, FittingPlanner
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.pipeline.shrinking import shrunk

_log = logging.getLogger(__name__)

SHARES = tuple(eighths / 8 for eighths in range(2, 8))
"""Rows and columns of smaller images, and channels of narrower networks, as shares of the network's own."""
SAME = "the same outputs"
ROWS: Mapping[str, Any] = {"objective": "sram", "input_mode": "rows"}
ROWS_FLAGS = "--objective sram --input rows"
SMALLEST_STEPS = 2, 8, 64
"""Images shrink in steps of 2 pixels, or of 8 from 64 pixels on, so that strides go on dividing them."""


@dataclass(frozen=True)
class Variant:
    """A smaller network that can be planned; ``graph`` gives None where it cannot be had."""

    title: str
    detail: str
    options: Mapping[str, Any]
    graph: Callable[[], Graph | None]


def savings(planner: FittingPlanner, graph: Graph) -> Iterator[Change]:
    """Plans with less SRAM for the same network."""
    flags = "--objective sram"
    yield from _some(planner.change("Plan for the least SRAM", SAME, flags, graph, {"objective": "sram"}))
    yield from _some(_rows(planner, graph))


def changes(planner: FittingPlanner, graph: Graph, *, built: bool) -> Iterator[Change]:
    """Changes in the order of what they cost; two at once come last. Each is planned when it is asked for."""
    if built:
        yield from _some(planner.change("Plan within this budget", SAME, "", graph))
    yield from _some(_rows(planner, graph))
    if integer := _integer(planner, graph):
        detail = "float32 becomes int8; its accuracy has to be checked"
        yield from _some(planner.change("Quantise", detail, "--calibration X.npz", integer))
    yield from _some(_largest(planner, _images(graph)))
    yield from _some(_largest(planner, _widths(graph)))
    if planner.whole:
        yield from _larger_part(planner, graph)
    if planner.options.input_mode == "resident":
        yield from _some(_largest(planner, _widths(graph, rows=True)))
    yield from _some(_largest(planner, _both(graph)))


def _rows(planner: FittingPlanner, graph: Graph) -> Change | None:
    if planner.options.input_mode == "rows":
        return None
    return planner.change("Push the input row by row", f"as a camera delivers it; {SAME}", ROWS_FLAGS, graph, ROWS)


def _integer(planner: FittingPlanner, graph: Graph) -> Graph | None:
    if graph.state or any(graph.tensors[name].dtype is not DType.FLOAT32 for name in graph.inputs):
        return None
    options = planner.options
    quantizer = planner.platform.create(Quantizer, options.quantizer, options.quantizer_options)
    try:
        return quantizer.quantize(apply_passes(graph, planner.platform, options.without), None, 0)
    except TinyMLError as error:
        _log.info("not quantised: %s", error)
        return None


def _images(graph: Graph) -> list[Variant]:
    rows, columns = _image(graph)
    title = "Images of {0} x {1} instead of {2} x {3}"
    return [
        Variant(title.format(*size, rows, columns), "the same layers", AS_IT_IS, partial(shrunk, graph, image=size))
        for size in _sizes(rows, columns)
    ]


def _widths(graph: Graph, *, rows: bool = False) -> list[Variant]:
    title = "Fewer channels" + (", and the input row by row" if rows else "")
    return [
        Variant(title, _channels(share), ROWS if rows else AS_IT_IS, partial(shrunk, graph, width=share))
        for share in SHARES
    ]


def _both(graph: Graph) -> list[Variant]:
    rows, columns = _image(graph)
    sizes = _sizes(rows, columns)
    return [
        Variant(
            f"Images of {size[0]} x {size[1]} instead of {rows} x {columns}, and fewer channels", _channels(share),
            AS_IT_IS, partial(shrunk, graph, image=size, width=share),
        )
        for size, share in zip(sizes, SHARES[len(SHARES) - len(sizes) :], strict=True)
    ]  # fmt: skip


def _channels(share: float) -> str:
    return f"{share:g} of them in every hidden layer"


def _largest(planner: FittingPlanner, variants: Sequence[Variant]) -> Change | None:
    """The last of some variants, in the order of their needs, that fits; the first where none does."""
    if not variants:
        return None
    end = bisect_left(variants, True, key=lambda one: not planner.holds(one.graph(), one.options))
    chosen = variants[max(end - 1, 0)]
    graph = chosen.graph()
    if graph is None:
        return None
    flags = ROWS_FLAGS if chosen.options else ""
    detail = f"{chosen.detail}; has to be trained again"
    return planner.change(chosen.title, detail, flags, graph, chosen.options, retrain=True)


def _larger_part(planner: FittingPlanner, graph: Graph) -> Iterator[Change]:
    """The smallest known part on which the network fits as it is."""
    here = planner.profile
    parts = []
    for name in planner.platform.names(HardwareProfile):
        try:
            part = planner.platform.target(name)
        except PluginError as error:
            _log.warning("%s", error)
            continue
        if part.tools.generator == here.tools.generator:
            parts.append((part.largest("sram").size, part.largest("flash").size, name, part))
    for sram, flash, name, part in sorted(parts, key=lambda each: each[:3]):
        if sram > here.largest("sram").size or flash > here.largest("flash").size:
            program = planner.elsewhere(graph, part)
            needs = planner.needs(program) if program else (sram + 1, 0)
            if program and needs[0] <= sram and needs[1] <= flash:
                detail = f"{part.core} with {sram:,} B of SRAM and {flash:,} B of flash"
                yield planner.told(f"A larger part: {name}", detail, f"--target {name}", program, fits=True)
                return


def _image(graph: Graph) -> tuple[int, int]:
    """Rows and columns of the input; 0 where it is no image."""
    shape = graph.tensors[graph.inputs[0]].shape if graph.inputs else ()
    return (shape[1], shape[2]) if len(shape) == 4 else (0, 0)


def _sizes(rows: int, columns: int) -> list[tuple[int, int]]:
    """Smaller images, the smallest first."""
    small, large, border = SMALLEST_STEPS
    step = large if min(rows, columns) >= border else small
    if min(rows, columns) <= step:
        return []
    found = [(_shrunk(rows, share, step), _shrunk(columns, share, step)) for share in SHARES]
    return sorted({*found} - {(rows, columns)})


def _shrunk(size: int, share: float, step: int) -> int:
    return max(step, step * round(size * share / step))


def _some(change: Change | None) -> Iterator[Change]:
    if change is not None:
        yield change
