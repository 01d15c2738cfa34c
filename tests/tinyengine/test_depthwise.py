"""Depthwise convolution row by row, by the inner loops of the DSP extension: what ``test_layers.py`` runs whole."""

from __future__ import annotations

import pytest

from compiled_networks.rows import row_network
from tinyml_core.graph import Rounding


@pytest.fixture
def wrong_planes(layer_graphs):
    """A function that runs narrow planes row by row on a device and names those that differ from the reference."""
    graphs = [graph for graph in layer_graphs(*Rounding) if graph.name.startswith("plane ")]

    def wrong(core, device):
        networks = [row_network(graph, f"r{i}", core) for i, graph in enumerate(graphs)]
        assert {n.program.steps[0].schedule.kernel for n in networks} >= {"depthwise_3x3", "depthwise_rings"}
        runner, inputs = device(networks), [network.inputs() for network in networks]
        pairs = zip(networks, inputs, strict=True)
        return [network.graph.name for network, x in pairs if runner.run(network, x) != network.expected(x)]

    return wrong


def test_narrow_planes_equal_the_reference(wrong_planes, host_library):
    assert not wrong_planes("cortex-m4", host_library)


@pytest.mark.parametrize(("toolchain", "core"), [("zig", "cortex-m7"), ("gcc", "cortex-m4")])
def test_narrow_planes_equal_the_reference_on_the_core(toolchain, core, wrong_planes, firmware, tmp_path):
    assert not wrong_planes(core, lambda networks: firmware(toolchain, core, networks, tmp_path))
