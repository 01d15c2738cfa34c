"""Random int16x8 files: imported, executed and compiled, they give the bytes of TensorFlow Lite Micro."""

import numpy as np
import pytest

from tflite_models.authoring import INT16, INT64, Author, agrees, read
from tflite_models.random_networks import differing_bytes, random_int16_networks
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import UnsupportedError

ON_THE_HOST, ON_THE_CORE = 30, 20
"""Networks that the seeds of one test must give at least."""


def imported(seeds, folder):
    """(seed, graph, inputs) of files whose reference gives the bytes of TensorFlow Lite Micro."""
    for network in random_int16_networks(seeds, nodes=5):
        graph = read(network.file, folder, float_borders=True)
        inputs = {graph.inputs[0]: network.values}
        results = execute(graph, inputs)
        for name, expected in zip(graph.outputs, network.expected, strict=True):
            assert differing_bytes(results[name], expected) == 0, f"seed {network.seed}, {name}"
        yield network.seed, graph, inputs


def test_random_networks_on_the_host(host_library, make_network, tmp_path):
    cases = list(imported(range(3000, 3060), tmp_path))
    assert len(cases) >= ON_THE_HOST
    networks = [(seed, make_network(graph, f"n{seed}"), inputs) for seed, graph, inputs in cases]
    library = host_library([network for _, network, _ in networks])
    assert [seed for seed, net, inputs in networks if library.run(net, inputs) != net.expected(inputs)] == []


def test_random_networks_on_the_emulated_core(firmware, make_network, tmp_path):
    cases = list(imported(range(4000, 4035), tmp_path))
    assert len(cases) >= ON_THE_CORE
    networks = [(seed, make_network(graph, f"n{seed}"), inputs) for seed, graph, inputs in cases]
    device = firmware("gcc", "cortex-m4", [network for _, network, _ in networks], tmp_path)
    assert [seed for seed, net, inputs in networks if device.run(net, inputs) != net.expected(inputs)] == []


@pytest.mark.slow
def test_random_networks_in_numbers(tmp_path):
    assert sum(1 for _ in imported(range(10000, 13000), tmp_path)) >= 2000


def dense(bias_kind):
    author = Author()
    source = author.input((1, 5), INT16, scale=0.001)
    rng = np.random.default_rng(0)
    weights = author.tensor((3, 5), scale=0.02, data=rng.integers(-127, 128, (3, 5)).astype(np.int8))
    bias = author.tensor((3,), bias_kind, scale=2e-5, data=np.array([1, -20000, 300000]))
    output = author.tensor((1, 3), INT16, name="output", scale=0.0004)
    author.operator("FULLY_CONNECTED", [source, weights, bias], [output], "FullyConnectedOptions", version=4)
    return author.outputs(output)


def test_a_dense_layer_with_64_bit_biases(tmp_path):
    agrees(dense(INT64), tmp_path)


def test_a_dense_layer_with_32_bit_biases_is_refused_where_it_is_executed(tmp_path):
    graph = dense(2).graph(tmp_path)
    with pytest.raises(UnsupportedError, match=r"fully_connected.*int64 bias"):
        execute(graph, {graph.inputs[0]: np.zeros((1, 5), np.int16)})
