"""TinyEngine: the code generator."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from tinyml_core import __version__
from tinyml_core.api.generator import GeneratedCode, Kernel, RowFeed, StepInterface
from tinyml_core.arithmetic.lowering import lower
from tinyml_core.arithmetic.reference import prepare_results
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    BiasGradient,
    Conv2DInputGradient,
    Conv2DWeightGradient,
    DepthwiseInputGradient,
    DepthwiseWeightGradient,
    MaskedScale,
    MaxPoolGradient,
    MergeChannels,
    SaturatingSubtract,
    SaturationMask,
    StochasticRound,
)
from tinyml_core.graph.operators.window import Window
from tinyml_core.graph.serialise import digest
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.program import Program, Step
from tinyml_core.program.rows import row_bytes, row_count
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.given import GivenKernels, given_files, given_kernels, given_schedules
from tinyml_plugins.tinyengine.kernel import Layer, LayerKernel
from tinyml_plugins.tinyengine.learning import learning
from tinyml_plugins.tinyengine.naming import check_prefix
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.selftest import INCREMENT, MULTIPLIER, answers, element
from tinyml_plugins.tinyengine.table import KERNELS, kernel_of
from tinyml_plugins.tinyengine.variables import has_variables
from tinyml_plugins.tinyengine.writing import Port, WrittenLayer, ports_of, stages_of

SHARED = (
    "tinyml_arithmetic.h",
    "tinyml_columns.h",
    "tinyml_filters.h",
    "tinyml_filters_dsp.h",
    "tinyml_depthwise.h",
    "tinyml_depthwise_3x3.h",
    "tinyml_fixed_point.h",
    "tinyml_float.h",
    "tinyml_fours.h",
    "tinyml_int16.h",
    "tinyml_pairs.h",
    "tinyml_pointwise.h",
    "tinyml_recurrent.h",
    "tinyml_trigonometry.h",
)
"""The headers that all generated networks share."""
OF_OPERATORS: Mapping[str, frozenset[type[Operator]]] = {
    "tinyml_gradients.h": frozenset(
        {
            BiasGradient, Conv2DInputGradient, Conv2DWeightGradient, DepthwiseInputGradient, DepthwiseWeightGradient,
            MaskedScale, MaxPoolGradient, SaturationMask,
        }
    ),
    "tinyml_updates.h": frozenset({SaturatingSubtract, StochasticRound}),
}  # fmt: skip
"""The headers that only networks with certain operators need."""
LASTING = ("tinyml_slots.h", "tinyml_blob.h")
"""The headers of training steps whose tensors can be kept."""
VMLA = frozenset({"cortex-m7"})
"""Cores that issue one VMLA.F32 a cycle, as the simulator times them; on the Cortex-M4 it takes three (TRM)."""


@dataclass(frozen=True, kw_only=True)
class TinyEngine:
    """Generates C99 with one specialised function for each layer."""

    simd: bool = True
    """Offer the kernels that use the core's DSP extension, where it has one."""
    wide_weights: bool = False
    """Offer the kernels that keep int8 weights as int16 in flash: a tenth fewer instructions, twice the flash."""
    _given: GivenKernels = field(default=(), init=False)

    @property
    def kernels(self) -> Mapping[str, Kernel]:
        """See :class:`~tinyml_core.api.generator.ExtensibleGenerator`."""
        return dict(self._given)

    def with_kernels(self, kernels: Mapping[str, Kernel]) -> TinyEngine:
        """See :class:`~tinyml_core.api.generator.ExtensibleGenerator`.

        Raises:
            PluginError: a kernel has the name of one of the bundled ones.
        """
        extended = replace(self)
        own = {kernel.name for kernels_of in KERNELS.values() for kernel in kernels_of}
        object.__setattr__(extended, "_given", given_kernels(kernels, own))
        return extended

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """Every schedule of every kernel that knows ``node``.

        Raises:
            UnsupportedError: there is none; names node, operator and types.
        """
        given = given_schedules(self._given, node, graph, profile)
        try:
            return [*self._own(node, graph, profile), *given]
        except UnsupportedError:
            if not given:
                raise
            return given

    def _own(self, node: Node, graph: Graph, profile: HardwareProfile) -> list[Schedule]:
        if type(node.op) not in KERNELS:
            raise _unsupported(node, graph, "the code generator has no kernel for this operator")
        _check_arithmetic(node, graph)
        features = profile.features if self.simd else frozenset()
        features |= {"wide_weights"} if self.wide_weights else set()
        schedules = [
            schedule
            for kernel in _kernels(node, graph)
            if kernel.needs <= features
            for schedule in kernel.candidates(node, graph, profile)
        ]
        if not schedules:
            raise _unsupported(node, graph, "no kernel of the code generator knows this shape")
        return schedules

    def generate(self, program: Program, prefix: str, step: StepInterface | None = None) -> GeneratedCode:
        """C sources of ``program``: ``<prefix>.c`` with its headers, and ``main.c`` with the arena.

        Raises:
            InputError: ``prefix`` cannot start C names.
            UnsupportedError: a graph output is a constant, or a part of a training step cannot run alone.
        """
        check_prefix(prefix)
        tables: dict[tuple[str, tuple[str, ...]], str] = {}
        written = [self._write(program, number, step, prefix, tables) for number, step in enumerate(program.steps)]
        stages, feed = stages_of(program, written), _feed(program, prefix)
        inputs = ports_of(program, program.graph.inputs, "input")
        outputs = ports_of(program, program.graph.outputs, "output")
        offered = learning(program, prefix, step, stages, inputs + outputs, tables) if step else None
        operators = {type(step.node.op) for step in program.steps}
        headers = [name for name, needed_by in OF_OPERATORS.items() if operators & needed_by]
        if any(has_variables(step.node, program.graph) for step in program.steps):
            headers.append("tinyml_variables.h")
        if offered:
            headers += LASTING
        own = [f"{prefix}.h", f"{prefix}_weights.h", *SHARED, *headers]
        given = given_files(self._given, {step.schedule.kernel for step in program.steps}, own)
        values = {
            "prefix": prefix,
            "program": program,
            "graph": program.graph,
            "layers": written,
            "stages": stages,
            "feed": feed,
            "headers": [*headers, *given],
            "vmla": VMLA,
            "constants": [
                *(constant for each in written for constant in each.layer.constants),
                *(offered.constants if offered else ()),
            ],
            "learning": offered,
            "inputs": inputs,
            "outputs": outputs,
            "version": __version__,
            "options": ", ".join(
                sorted(f"{each.name} {getattr(self, each.name)}" for each in fields(self) if each.init)
            ),
            "digest": digest(program.graph),
            **_selftest(program.graph, outputs, offered.sums if offered else ()),
        }
        files = {
            f"{prefix}.h": render("network.h.j2", **values),
            f"{prefix}.c": render("network.c.j2", **values),
            f"{prefix}_weights.h": render("weights.h.j2", **values),
            f"{prefix}_selftest.c": render("selftest.c.j2", **values),
            **{name: render(name) for name in (*SHARED, *headers)},
            **given,
            "main.c": render("main.c.j2", **values),
        }
        return GeneratedCode(
            files=files,
            invoke=f"{prefix}_push_row" if feed else f"{prefix}_invoke",
            arena=f"{prefix}_arena",
            layers=tuple(each.symbol for each in written),
            library=(f"{prefix}.c", f"{prefix}_selftest.c"),
            example="main.c",
            feed=feed,
            accumulate=f"{prefix}_accumulate" if step and step.samples > 1 else "",
            shipped_bytes=offered.shipped_bytes if offered else 0,
            header=f"{prefix}.h",
            selftest=f"{prefix}_selftest",
        )

    def _write(
        self, program: Program, number: int, step: Step, prefix: str, tables: dict[tuple[str, tuple[str, ...]], str]
    ) -> WrittenLayer:
        kind = re.sub(r"[^A-Za-z0-9_]", "_", step.node.op.kind, flags=re.ASCII)
        layer = Layer(program, step, f"{prefix}_step{number:02d}_{kind}", shared=tables)
        given = self.kernels.get(step.schedule.kernel)
        body = given.emit(layer) if given else kernel_of(step.node.op, step.schedule.kernel).emit(layer=layer)
        return WrittenLayer(number, step, layer, body)


def _selftest(graph: Graph, outputs: Sequence[Port], sums: Sequence[Port]) -> dict[str, object]:
    """What the template of the known-answer test needs; ``sums`` are 0 behind an update."""
    anew = {graph.state[each.tensor.name]: np.zeros(each.tensor.shape, np.float32) for each in sums}
    expected = {**answers(graph), **anew}
    return {
        "multiplier": MULTIPLIER,
        "increment": INCREMENT,
        "elements": [element("next", graph.tensors[name].dtype) for name in graph.inputs],
        "expected": [(port, literals(expected[port.tensor.name])) for port in outputs],
    }


def _feed(program: Program, prefix: str) -> RowFeed | None:
    """How the input's rows come, where they come one at a time."""
    if not program.segments or not program.segments[0].pushed:
        return None
    source = program.graph.tensors[program.segments[0].source]
    rows = row_count(source)
    return RowFeed(f"{prefix}_begin", rows, row_bytes(source), program.buffer_of(source.name).rows or rows)


_WITHOUT_LOWERING = frozenset().union(*OF_OPERATORS.values(), {MergeChannels})
"""Operators of training steps: what they do to integers needs no scale."""


def _check_arithmetic(node: Node, graph: Graph) -> None:
    """Refuse by name what the arithmetic does not define."""
    quantised = any(tensor.quantization for tensor in (*graph.inputs_of(node), *graph.outputs_of(node)))
    if quantised and type(node.op) not in _WITHOUT_LOWERING and not has_variables(node, graph):
        lower(node, graph)
    else:
        prepare_results(node, graph)


def _kernels(node: Node, graph: Graph) -> list[LayerKernel]:
    """The kernels that take the types of ``node``; refuses what none takes, and more than one sample."""
    source, target = graph.inputs_of(node)[0], graph.outputs_of(node)[0]
    kernels = [kernel for kernel in KERNELS[type(node.op)] if (source.dtype, target.dtype) in kernel.types]
    if not kernels:
        raise _unsupported(node, graph, "the code generator has no kernel for these types")
    if isinstance(node.op, Window) and source.shape[0] != 1 and source.dtype.is_integer:
        raise _unsupported(node, graph, f"has a batch of {source.shape[0]}; the device takes one sample at a time")
    return kernels


def _unsupported(node: Node, graph: Graph, problem: str) -> UnsupportedError:
    reads = ", ".join(tensor.dtype.value for tensor in graph.inputs_of(node))
    writes = ", ".join(tensor.dtype.value for tensor in graph.outputs_of(node))
    return UnsupportedError(problem, place=f"node {node.name!r} ({node.op.kind}, {reads} to {writes})")
