"""int16x8 networks in the reference executor against TensorFlow Lite Micro: no byte may differ."""

import pytest

from tflite_models.random_networks import differing_bytes, random_int16_networks
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.testing.random_int16 import MAKERS


def sweep(seeds, **options):
    """Execute random networks in both; returns how many could be compared."""
    compared = 0
    for network in random_int16_networks(seeds, **options):
        (name,) = network.graph.inputs
        results = ReferenceExecutor(network.graph).run({name: network.values})
        for output, expected in zip(network.graph.outputs, network.expected, strict=True):
            ops = [node.op for node in network.graph.nodes]
            assert differing_bytes(results[output], expected) == 0, f"seed {network.seed}, {output}: {ops}"
        compared += 1
    return compared


@pytest.mark.parametrize("kind", MAKERS)
def test_single_operators(kind):
    assert sweep(range(60), nodes=1, kinds=(kind,)) >= 30


def test_whole_networks():
    assert sweep(range(150), nodes=5) >= 100


@pytest.mark.slow
def test_whole_networks_in_numbers():
    assert sweep(range(1000, 7000), nodes=6) >= 4000
