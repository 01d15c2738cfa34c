"""The row forms of kernels: every layer computed one row at a time equals the reference to the bit."""

from __future__ import annotations

import pytest

from compiled_networks.rows import row_network
from tinyml_core.graph import Rounding


def _wrong(networks, device):
    wrong = []
    for network in networks:
        for seed in range(2):
            inputs = network.inputs(seed)
            if device.run(network, inputs) != network.expected(inputs):
                wrong.append(network.graph.name)
    return wrong


def _networks(graphs):
    networks = [row_network(graph, f"n{i}") for i, graph in enumerate(graphs)]
    networks = [network for network in networks if network.program.segments]
    assert networks
    return networks


@pytest.mark.parametrize("rounding", list(Rounding))
def test_row_form_equals_reference(rounding, layer_graphs, host_library):
    networks = _networks(layer_graphs(rounding))
    assert not _wrong(networks, host_library(networks))


@pytest.mark.parametrize(("toolchain", "core"), [("zig", "cortex-m7"), ("gcc", "cortex-m4")])
def test_row_form_equals_reference_on_the_core(toolchain, core, layer_graphs, firmware, tmp_path):
    networks = _networks(layer_graphs(*Rounding, share=(int(toolchain == "zig"), 2)))
    assert not _wrong(networks, firmware(toolchain, core, networks, tmp_path))
