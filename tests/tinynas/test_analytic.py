"""The analytic cost model, on graphs of random shape and a generator whose schedules are real but few."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyml_plugins.costs.hooks
from tinyml_core.api.cost_model import CostModel
from tinyml_core.component import Component
from tinyml_core.errors import InputError, PluginError, UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Add, Conv2D, DepthwiseConv2D, FullyConnected, Mean, Softmax
from tinyml_core.graph.verify import verify
from tinyml_core.hardware.profile import HardwareProfile, MemoryRegion
from tinyml_core.hookspecs import hookimpl
from tinyml_core.platform import Platform
from tinyml_core.program.planner import plan
from tinyml_core.program.schedule import Schedule

SCALE = Quantization.per_tensor(0.05)
PROFILE = HardwareProfile(
    name="part",
    title="Part",
    vendor="Vendor",
    core="cortex-m4",
    features=frozenset(),
    clock_hz=100_000_000,
    regions=(MemoryRegion("flash", "flash", 0, 1 << 20), MemoryRegion("sram", "sram", 1 << 29, 1 << 18)),
    sources={},
)


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Two ways for a convolution, in place for additions, one way for the rest; no softmax."""

    def candidates(self, node, graph, profile):
        inputs, outputs = graph.inputs_of(node), graph.outputs_of(node)
        flash = sum(tensor.bytes for tensor in inputs if tensor.data is not None)
        cycles = 10.0 + 2.0 * node.op.macs(inputs, outputs) + outputs[0].elements
        match node.op:
            case Conv2D():
                columns = 2 * inputs[1].elements // inputs[1].shape[0]
                slow = Schedule(kernel="direct", cycles=1.2 * cycles, flash=flash)
                return [slow, Schedule(kernel="im2col", cycles=cycles, scratch=columns, flash=flash)]
            case Add():
                return [Schedule(kernel="add", cycles=cycles, in_place=(0, 1))]
            case DepthwiseConv2D() | FullyConnected() | Mean():
                return [Schedule(kernel=node.op.kind, cycles=cycles, flash=flash)]
        raise UnsupportedError(f"no kernel for {node.op.kind}", place=f"node {node.name!r}")

    def generate(self, program, prefix):
        raise UnsupportedError("schedules only", place="generator 'plain'")


class Plugin:
    @hookimpl
    def tinyml_code_generators(self):
        return [Component("plain", Plain, "schedules of plain kernels")]


@pytest.fixture(scope="module")
def platform():
    return Platform(plugins=[Plugin(), tinyml_plugins.costs.hooks], discover=False)


def costs(platform, graph, **options):
    model = platform.create(CostModel, "analytic", {"generator": "plain", **options})
    found = {cost.quantity: cost for cost in model.estimate(graph, PROFILE, platform)}
    assert tuple(found) == model.quantities
    return found


def network(layers, *, side=8):
    """An int8 network of ``layers``: widths of convolutions, 0 for a residual around a depthwise one."""
    b = GraphBuilder("net")
    x = b.input("x", (1, side, side, 4), DType.INT8, SCALE)
    for number, width in enumerate(layers):
        channels = b.tensor(x).shape[3]
        if width:
            weights = b.constant(f"w{number}", np.zeros((width, 3, 3, channels), np.int8), SCALE)
            x = b.node(Conv2D(padding=(1, 1, 1, 1)), [x, weights], name=f"conv{number}", quantization=SCALE)
        else:
            weights = b.constant(f"w{number}", np.zeros((1, 3, 3, channels), np.int8), SCALE)
            y = b.node(DepthwiseConv2D(padding=(1, 1, 1, 1)), [x, weights], name=f"dw{number}", quantization=SCALE)
            x = b.node(Add(), [x, y], name=f"add{number}", quantization=SCALE)
    return verify(b.build([x]))


LAYERS = st.lists(st.sampled_from([0, 4, 8, 16]), min_size=1, max_size=8)


@settings(max_examples=80, deadline=None)
@given(LAYERS, st.sampled_from([0, 4, 8]))
def test_costs_never_fall_when_an_operator_is_added(platform, layers, more):
    shorter, longer = costs(platform, network(layers)), costs(platform, network([*layers, more]))
    for quantity, cost in shorter.items():
        assert longer[quantity].value >= cost.value >= 0
        assert cost.low <= cost.value <= cost.high


@settings(max_examples=40, deadline=None)
@given(LAYERS, LAYERS)
def test_what_is_counted_adds_up_over_the_parts_of_a_network(platform, first, second):
    channels = next((width for width in reversed(first) if width), 4)
    whole = costs(platform, network([*first, 4, *second]))
    parts = [costs(platform, network(layers)) for layers in (first, second)]
    joint = 64 * 4 * 9 * channels  # the convolution between them
    assert whole["macs"].value == sum(part["macs"].value for part in parts) + joint
    assert whole["parameters"].value == sum(part["parameters"].value for part in parts) + 4 * 9 * channels
    assert whole["cycles"].value == sum(part["cycles"].value for part in parts) + 10 + 2 * joint + 64 * 4


def test_the_arena_is_the_one_the_compiler_plans(platform):
    graph = network([8, 0, 16, 0])
    generator = Plain()
    for objective in ("latency", "sram"):
        program = plan(graph, PROFILE, lambda node: generator.candidates(node, graph, PROFILE), objective=objective)
        found = costs(platform, graph, objective=objective)
        assert found["arena_bytes"].value == program.arena_bytes
        assert found["cycles"].value == program.cycles


def test_the_objective_decides_between_fast_and_small(platform):
    fast, small = (costs(platform, network([8]), objective=objective) for objective in ("latency", "sram"))
    assert small["arena_bytes"].value < fast["arena_bytes"].value
    assert small["cycles"].value > fast["cycles"].value


def test_figures_counted_by_hand(platform):
    found = costs(platform, network([8]), stack_bytes=500, code_bytes=7000)
    weights, columns = 8 * 9 * 4, 2 * 9 * 4
    assert found["macs"].value == 64 * weights
    assert found["parameters"].value == weights
    assert found["arena_bytes"].value == 64 * 4 + 64 * 8 + columns
    assert found["sram_bytes"].value == found["arena_bytes"].value + 500
    assert found["flash_bytes"].value == weights + 7000
    assert found["cycles"].value == 10 + 2 * 64 * weights + 64 * 8


def test_what_contains_a_reserve_or_a_timing_is_called_an_estimate(platform):
    found = costs(platform, network([8]))
    basis = {quantity: cost.basis for quantity, cost in found.items()}
    assert basis == {
        "macs": "exact", "parameters": "exact", "arena_bytes": "exact",
        "sram_bytes": "estimated", "flash_bytes": "estimated", "cycles": "estimated",
    }  # fmt: skip
    assert found["sram_bytes"].low == found["arena_bytes"].value
    assert found["cycles"].low < found["cycles"].value < found["cycles"].high


def test_an_operator_without_a_kernel_is_named(platform):
    b = GraphBuilder("net")
    x = b.input("x", (1, 10), DType.INT8, SCALE)
    out = b.node(Softmax(), [x], name="odds", quantization=Quantization.per_tensor(1 / 256, -128))
    with pytest.raises(UnsupportedError, match="node 'odds'"):
        costs(platform, b.build([out]))


def test_a_generator_nobody_has_is_named(platform):
    with pytest.raises(PluginError, match="'absent'"):
        costs(platform, network([8]), generator="absent")


@pytest.mark.parametrize("option", ["stack_bytes", "code_bytes", "cycles_spread"])
def test_a_negative_reserve_is_refused(platform, option):
    with pytest.raises(InputError, match=option):
        costs(platform, network([8]), **{option: -1})
