"""The reference executor in `tflite` rounding against TensorFlow Lite Micro: no byte may differ."""

import pytest

from tflite_models.random_networks import differing_bytes, random_networks
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import UnsupportedError
from tinyml_core.testing.random_nodes import MAKERS


def sweep(seeds, **options):
    """Executes random graphs; returns how many could be compared."""
    compared = 0
    for network in random_networks(seeds, **options):
        graph = network.graph
        try:
            results = execute(graph, {graph.inputs[0]: network.values})
        except UnsupportedError as refusal:  # scales no shift of 32 bits reaches
            if "beyond 32-bit arithmetic" not in str(refusal):
                raise
            continue
        for name, expected in zip(graph.outputs, network.expected, strict=True):
            nodes = [node.op for node in graph.nodes]
            assert differing_bytes(results[name], expected) == 0, f"seed {network.seed}, {name}: {nodes}"
        compared += 1
    return compared


@pytest.mark.parametrize("operator", MAKERS, ids=lambda operator: operator.kind)
def test_single_operators(operator):
    assert sweep(range(600), nodes=[1], operators=[operator]) >= 100


def test_whole_networks():
    assert sweep(range(1500)) >= 300


@pytest.mark.slow
def test_whole_networks_in_numbers():
    assert sweep(range(1000, 30000)) >= 5000
