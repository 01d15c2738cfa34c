"""The known-answer test passes where the network computes what the reference does, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compiled_networks.network import Network
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import Binary, Concat, Conv2D, Unary

Q = Quantization.per_tensor


def _convolution():
    rng = np.random.default_rng(3)
    b = GraphBuilder("convolution", Rounding.SINGLE)
    b.input("x", (1, 6, 5, 4), DType.INT8, Q(0.05, 3))
    weights = b.constant("w", rng.integers(-127, 128, (6, 3, 3, 4)).astype(np.int8), Q(0.01))
    return b.build([b.node(Conv2D(padding=(1, 1, 1, 1)), ["x", weights], quantization=Q(0.1, -5))])


def _float_with_nan():
    b = GraphBuilder("floats", Rounding.SINGLE)
    b.input("x", (40,), DType.FLOAT32)
    root = b.node(Unary("sqrt"), ["x"])  # NaN where x is negative
    return b.build([b.node(Concat(0), [root, "x"])])


def _two_inputs():
    b = GraphBuilder("two", Rounding.SINGLE)
    b.input("x", (7,), DType.INT32)
    b.input("y", (7,), DType.INT32)
    return b.build([b.node(Binary("subtract"), ["x", "y"])])


GRAPHS = [_convolution, _float_with_nan, _two_inputs]


def _networks(make_network):
    return [make_network(make(), f"n{i}") for i, make in enumerate(GRAPHS)]


def test_passes_on_the_host(make_network, host_library):
    networks = _networks(make_network)
    library = host_library(networks)
    assert [library.selftest(network) for network in networks] == [0] * len(networks)


@pytest.mark.parametrize(("toolchain", "core"), [("zig", "cortex-m7"), ("gcc", "cortex-m4")])
def test_passes_on_the_core(toolchain, core, make_network, firmware, tmp_path):
    networks = _networks(make_network)
    device = firmware(toolchain, core, networks, tmp_path)
    assert [device.selftest(network) for network in networks] == [0] * len(networks)


def test_one_wrong_weight_is_told(make_network, host_library):
    network = make_network(_convolution(), "n0")
    changed = make_network(_other_weight(network.graph), "n0").code.files["n0_weights.h"]
    assert changed != network.code.files["n0_weights.h"]
    files = {**network.code.files, "n0_weights.h": changed}
    wrong = Network(network.graph, network.program, replace(network.code, files=files))
    assert host_library([wrong]).selftest(wrong) == 2


def _other_weight(graph):
    weights = graph.tensors["w"]
    data = weights.data.copy()
    data[0, 1, 1, 2] ^= 64
    return replace(graph, tensors={**graph.tensors, "w": replace(weights, data=data)})
