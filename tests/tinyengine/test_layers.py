"""Single layers of awkward shapes, compiled for the host: every kernel equals the reference to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import Quantize
from tinyml_plugins.tinyengine.generator import TinyEngine
from tinyml_plugins.tinyengine.table import KERNELS


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("simd", [True, False])
def test_layer_equals_reference(rounding, simd, layer_graphs, make_network, host_library):
    graphs = layer_graphs(rounding, share=(int(simd), 2))
    networks = [make_network(graph, f"n{i}", simd=simd) for i, graph in enumerate(graphs)]
    library = host_library(networks)
    wrong = []
    for network in networks:
        for seed in range(3):
            inputs = network.inputs(seed)
            if library.run(network, inputs) != network.expected(inputs):
                wrong.append(network.graph.name)
    assert not wrong


def test_every_kernel_is_exercised(layer_graphs, make_profile):
    profile, offered = make_profile("cortex-m4"), set()
    for graph in layer_graphs(Rounding.SINGLE):
        for node in graph.nodes:
            offered |= {
                s.kernel
                for options in ({}, {"simd": False}, {"wide_weights": True})
                for s in TinyEngine(**options).candidates(node, graph, profile)
            }
    assert offered == {kernel.name for kernels in KERNELS.values() for kernel in kernels}


def test_special_floats_quantise_as_the_reference_does(make_network, host_library):
    b = GraphBuilder("special", Rounding.SINGLE)
    b.input("x", (16,), DType.FLOAT32)
    network = make_network(b.build([b.node(Quantize(), ["x"], quantization=Quantization.per_tensor(0.1, 3))]))
    values = [
        0.0,
        -0.0,
        0.05,
        -0.05,
        0.04999999,
        0.15,
        np.inf,
        -np.inf,
        np.nan,
        3e38,
        -3e38,
        1e-45,
        12.4,
        12.45,
        -13.1,
        51.2,
    ]
    inputs = {"x": np.array(values, np.float32)}
    assert host_library([network]).run(network, inputs) == network.expected(inputs)


TARGETS = [("zig", "cortex-m4"), ("gcc", "cortex-m7"), ("zig", "cortex-m33"), ("gcc", "cortex-m0plus")]


def _wrong_on(toolchain, core, graphs, make_network, firmware, folder):
    networks = [make_network(graph, f"n{i}", core) for i, graph in enumerate(graphs)]
    device, wrong = firmware(toolchain, core, networks, folder), []
    for network in networks:
        inputs = network.inputs(seed=7)
        if device.run(network, inputs) != network.expected(inputs):
            wrong.append(network.graph.name)
    return wrong


@pytest.mark.parametrize(("toolchain", "core"), TARGETS)
def test_layer_equals_reference_on_the_core(toolchain, core, layer_graphs, make_network, firmware, tmp_path):
    share = layer_graphs(*Rounding, share=(TARGETS.index((toolchain, core)), len(TARGETS)))
    assert not _wrong_on(toolchain, core, share, make_network, firmware, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("toolchain", "core"), [("zig", "cortex-m7"), ("gcc", "cortex-m4")])
def test_every_layer_equals_reference_on_the_core(toolchain, core, layer_graphs, make_network, firmware, tmp_path):
    assert not _wrong_on(toolchain, core, layer_graphs(*Rounding), make_network, firmware, tmp_path)
