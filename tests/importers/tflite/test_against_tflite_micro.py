"""Random networks: importer, reference, host C and emulated core against TensorFlow Lite Micro; no byte may differ."""

import numpy as np
import pytest

from tflite_models.authoring import read
from tflite_models.random_networks import differing_bytes, random_networks
from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.graph import DType

SEEDS = [range(start, start + 280) for start in range(0, 1400, 280)]
ON_THE_HOST, ON_THE_CORE = 100, 120
"""Networks that the seeds of one test must give at least."""
PER_LIBRARY, PER_BINARY = 50, 30


def imported(seeds, folder):
    """(seed, graph, inputs) of random files whose reference gives the bytes of TensorFlow Lite Micro."""
    for network in random_networks(seeds):
        graph = read(network.file, folder, float_borders=network.seed % 8 == 0)
        source = graph.tensors[graph.inputs[0]]
        crossed = network.values.dtype == np.float32 and source.dtype is not DType.FLOAT32
        inputs = {source.name: quantise_array(network.values, source) if crossed else network.values}
        results = execute(graph, inputs)
        for name, expected in zip(graph.outputs, network.expected, strict=True):
            got = results[name]
            if expected.dtype == np.float32 and got.dtype != np.float32:  # the border's crossing was folded away
                got = dequantise_array(got, graph.tensors[name])
            assert differing_bytes(got, expected) == 0, f"seed {network.seed}, {name}"
        yield network.seed, graph, inputs


def sweep(cases, count, build, make_network):
    """Runs the networks of ``cases``, ``count`` in one binary; returns how many there were."""
    ran, waiting = 0, list(cases)
    while waiting:
        batch, waiting = waiting[:count], waiting[count:]
        networks = [
            (seed, make_network(graph, f"n{index}", objective=("sram", "latency")[index % 2]), inputs)
            for index, (seed, graph, inputs) in enumerate(batch)
        ]
        device = build([network for _, network, _ in networks])
        assert [seed for seed, net, inputs in networks if device.run(net, inputs) != net.expected(inputs)] == []
        ran += len(networks)
    return ran


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: str(seeds.start))
def test_random_networks_on_the_host(seeds, host_library, make_network, tmp_path):
    assert sweep(imported(seeds, tmp_path), PER_LIBRARY, host_library, make_network) >= ON_THE_HOST


def test_random_networks_on_the_emulated_core(firmware, make_network, tmp_path):
    def build(networks):
        return firmware("gcc", "cortex-m4", networks, tmp_path)

    assert sweep(imported(range(2000, 2320), tmp_path), PER_BINARY, build, make_network) >= ON_THE_CORE


@pytest.mark.slow
def test_random_networks_in_numbers(tmp_path):
    assert sum(1 for _ in imported(range(3000, 16000), tmp_path)) >= 5000
