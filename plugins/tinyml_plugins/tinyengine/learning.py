"""Learning: what the C of a training step offers beside the step, its functions that run some of the steps only."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.api.generator import StepInterface
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.operators import MergeChannels
from tinyml_core.program.program import Buffer, Program, Step
from tinyml_core.training.blob import FORMAT, MAGIC, BlobLayout
from tinyml_plugins.tinyengine.constants import ConstantArray, literals
from tinyml_plugins.tinyengine.kernel import C_TYPES
from tinyml_plugins.tinyengine.writing import Port, Stage

Array = npt.NDArray[Any]
Tables = dict[tuple[str, tuple[str, ...]], str]
"""The tables in flash by type and elements."""


@dataclass(frozen=True)
class Shipped:
    """Where the first value of some state is: in ``table``, or nowhere where it is zeros.

    With ``channels`` the table holds ``rows`` times ``size`` of one byte, of which these are it.
    """

    port: Port
    table: str = ""
    channels: tuple[int, ...] = ()
    rows: int = 1
    size: int = 0


@dataclass(frozen=True)
class Learning:
    """What the templates print."""

    prediction: Port
    evaluation: list[Stage]
    samples: int
    accumulation: list[Stage]
    shipped: list[Shipped]
    trained: list[Port]
    sums: list[Port]
    header: list[str]
    blob_bytes: int
    constants: list[ConstantArray] = field(default_factory=list)
    shipped_bytes: int = 0


def learning(
    program: Program, prefix: str, step: StepInterface, stages: Sequence[Stage], ports: Sequence[Port], tables: Tables
) -> Learning:
    """What a step offers, over the stages and the ports of its program; new tables are added to ``tables``.

    Raises:
        UnsupportedError: a part of the step cannot run alone, since the plan lets it touch state.
    """
    by_name = {port.tensor.name: port for port in ports}
    layout = BlobLayout(step.identity, tuple(program.graph.tensors[name] for name in step.trained))
    header = struct.pack("<4sIII16s", MAGIC, FORMAT, 0, layout.payload, step.identity)
    constants: list[ConstantArray] = []
    shipped = [
        _shipped(program, f"{prefix}_shipped{number:02d}", by_name[name], step.initial[name], constants, tables)
        for number, name in enumerate(program.graph.state)
    ]
    own = {constant.name for constant in constants}
    return Learning(
        prediction=by_name[step.prediction],
        evaluation=_leading_to((step.prediction,), program, stages),
        samples=step.samples,
        accumulation=_leading_to(step.accumulation, program, stages),
        shipped=shipped,
        trained=[by_name[name] for name in step.trained],
        sums=[by_name[name] for name in step.sums],
        header=[f"0x{byte:02x}" for byte in header],
        blob_bytes=layout.size,
        constants=constants,
        shipped_bytes=sum(each.port.tensor.bytes for each in shipped if each.table in own),
    )


def _leading_to(outputs: Iterable[str], program: Program, stages: Sequence[Stage]) -> list[Stage]:
    """The stages that compute some outputs; they write over no state but what these outputs replace."""
    wanted, found = set(outputs), list[Stage]()
    kept = [program.buffer_of(name) for name, updated in program.graph.state.items() if updated not in wanted]
    for stage in reversed(stages):
        nodes = [layer.step.node for layer in stage.layers]
        if wanted.isdisjoint(name for node in nodes for name in node.outputs):
            continue
        wanted.update(name for node in nodes for name in node.inputs)
        found.append(stage)
        written = [buffer for layer in stage.layers if layer.symbol for buffer in _written(layer.step, program)]
        lost = [state for state in kept if any(_overlap(buffer, state) for buffer in written)]
        if lost:
            raise UnsupportedError(
                f"is planned where it writes over {lost[0].tensor!r}, so that nothing can run without the update",
                place=f"node {nodes[0].name!r} ({nodes[0].op.kind})", remedy="compile for latency instead of sram",
            )  # fmt: skip
    return found[::-1]


def _written(step: Step, program: Program) -> list[Buffer]:
    own = [program.buffer(name) for name in (step.scratch, step.state) if name is not None]
    return own + [program.buffer_of(name) for name in step.node.outputs]


def _overlap(left: Buffer, right: Buffer) -> bool:
    return left.offset < right.offset + right.size and right.offset < left.offset + left.size


def _shipped(
    program: Program, name: str, port: Port, initial: Array, constants: list[ConstantArray], tables: Tables
) -> Shipped:
    """Where a first value is; weights of which some channels learn lie in flash as a whole anyhow."""
    if not initial.tobytes().strip(b"\0"):
        return Shipped(port)
    for node in program.graph.consumers.get(port.tensor.name, ()):
        if isinstance(node.op, MergeChannels) and node.inputs[1] == port.tensor.name:
            whole, channels = program.graph.tensors[node.inputs[0]].data, node.op.channels
            if whole is None or node.op.axis != whole.ndim - 1 or whole.itemsize > 1:
                continue
            table = tables.get((port.ctype, tuple(literals(whole))))
            if table is not None and np.array_equal(whole[..., list(channels)], initial):
                return Shipped(port, table, channels, math.prod(whole.shape[:-1]), whole.shape[-1])
    constant = ConstantArray(name, C_TYPES[port.tensor.dtype], tuple(literals(initial)))
    table = tables.setdefault((constant.ctype, constant.elements), name)
    if table == name:
        constants.append(constant)
    return Shipped(port, table)
