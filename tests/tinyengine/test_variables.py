"""Layers with variable weights or biases: every kernel that knows one, the limit of biases, and what they cost."""

from __future__ import annotations

import dataclasses
import runpy
from pathlib import Path

import numpy as np
import pytest

from compiled_networks.network import Network
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import Conv2D, DepthwiseConv2D
from tinyml_core.program.planner import plan
from tinyml_plugins.tinyengine.generator import TinyEngine

Q = Quantization.per_tensor
LAYERS = runpy.run_path(str(Path(__file__).with_name("variable_graphs.py")))["layers"]
HEADER = "tinyml_variables.h"
COSTS = [  # image, filters (0: depthwise), kernel, most instructions with variable biases to those with constant ones
    ((11, 11, 96), 16, 1, 1.03),
    ((11, 11, 16), 96, 1, 1.07),
    ((1, 1, 160), 640, 1, 1.10),
    ((11, 11, 96), 0, 3, 1.04),
    ((11, 11, 96), 0, 5, 1.03),
]


def _layer(image, filters, kernel, *, variable, rounding=Rounding.TFLITE, dtype=DType.INT8):
    rng = np.random.default_rng(3)
    b = GraphBuilder("layer", rounding)
    x = b.input("x", (1, *image), dtype, Q(0.05, 0))
    shape = (filters, kernel, kernel, image[2]) if filters else (1, kernel, kernel, image[2])
    axis = 0 if filters else 3
    scales = Quantization.per_channel(rng.uniform(0.001, 0.01, shape[axis]), axis)
    w = b.constant("w", rng.integers(-128, 128, shape).astype(np.int8), scales)
    biases = rng.integers(-2000, 2000, shape[axis]).astype(np.int32)
    bias = b.input("b", biases.shape, DType.INT32, Q(1.0)) if variable else b.constant("b", biases, Q(1.0))
    op = (Conv2D if filters else DepthwiseConv2D)(padding=(kernel // 2,) * 4)
    return b.build([b.node(op, [x, w, bias], quantization=Q(0.5, 0))])


def _by_every_kernel(graph, prefix, make_profile):
    """A network for each of the kernels that know the last layer of ``graph``."""
    generator, profile = TinyEngine(), make_profile("cortex-m7")
    offered = [each for each in generator.candidates(graph.nodes[-1], graph, profile) if not each.rows]
    for number, schedule in enumerate(offered):

        def chosen(node, schedule=schedule):
            return [schedule] if node is graph.nodes[-1] else generator.candidates(node, graph, profile)

        program = plan(graph, profile, chosen)
        yield Network(graph, program, generator.generate(program, f"{prefix}_{number}"))


@pytest.fixture
def networks(make_profile):
    graphs = [graph for rounding in Rounding for graph in LAYERS(rounding)]
    every = [each for i, graph in enumerate(graphs) for each in _by_every_kernel(graph, f"n{i}", make_profile)]
    assert {"conv2d_columns_parts", "depthwise_plane"} < {each.program.steps[-1].schedule.kernel for each in every}
    return every


def _wrong(networks, device):
    wrong = []
    for network in networks:
        for seed in (0, 1):
            inputs = network.inputs(seed)
            if seed and "b" in inputs:  # small enough not to saturate
                inputs["b"] >>= 16
            if device.run(network, inputs) != network.expected(inputs):
                wrong.append((network.graph.name, network.program.steps[-1].schedule.kernel))
    return wrong


def test_every_kernel_equals_the_reference(networks, host_library):
    assert not _wrong(networks, host_library(networks))


@pytest.mark.slow
@pytest.mark.parametrize(("toolchain", "core"), [("zig", "cortex-m7"), ("gcc", "cortex-m4"), ("gcc", "cortex-m0plus")])
def test_every_kernel_equals_the_reference_on_the_core(toolchain, core, networks, firmware, tmp_path):
    assert not _wrong(networks, firmware(toolchain, core, networks, tmp_path))


@pytest.mark.parametrize("rounding", list(Rounding))
def test_biases_count_up_to_a_limit(rounding, make_network, host_library):
    graph = _layer((2, 2, 8), 6, 1, variable=True, rounding=rounding)
    biases = np.array([-(1 << 31), -(1 << 29) - 1, -(1 << 29), 1 << 29, (1 << 29) + 1, (1 << 31) - 1], np.int32)
    inputs = {"x": np.arange(32, dtype=np.int8).reshape(1, 2, 2, 8), "b": biases}
    limited = {**inputs, "b": np.clip(biases, -(1 << 29), 1 << 29)}
    (name,) = graph.outputs
    assert np.array_equal(execute(graph, inputs)[name], execute(graph, limited)[name])
    network = make_network(graph)
    assert host_library([network]).run(network, inputs) == network.expected(inputs)


@pytest.mark.parametrize("variable", [False, True])
def test_the_header_comes_where_it_is_needed(variable, make_network):
    network = make_network(_layer((2, 2, 8), 6, 1, variable=variable))
    assert (HEADER in network.code.files) == variable
    assert (f'#include "{HEADER}"' in network.code.files["net.c"]) == variable


def test_variable_biases_cost_little(make_network, firmware, tmp_path):
    graphs = [_layer(*row[:3], variable=variable) for row in COSTS for variable in (False, True)]
    networks = [make_network(graph, f"n{i}", "cortex-m7") for i, graph in enumerate(graphs)]
    device = firmware("gcc", "cortex-m7", networks, tmp_path)
    counts = [device.profile(network, network.inputs()).instructions for network in networks]
    for constant, variable, (*_, most) in zip(counts[::2], counts[1::2], COSTS, strict=True):
        assert constant < variable <= most * constant


def test_int16_activations_are_refused(make_profile):
    graph = _layer((2, 2, 8), 6, 1, variable=True, dtype=DType.INT16)
    output = graph.outputs[0]
    tensors = {**graph.tensors, output: dataclasses.replace(graph.tensors[output], dtype=DType.INT16)}
    graph = dataclasses.replace(graph, tensors=tensors)
    with pytest.raises(UnsupportedError, match="no int8 activations"):
        TinyEngine().candidates(graph.nodes[0], graph, make_profile())
