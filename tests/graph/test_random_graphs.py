"""Random graphs are valid, varied and the same for the same choices."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, Rounding
from tinyml_core.graph.compare import identical
from tinyml_core.graph.operators import Add, DepthwiseConv2D, Dequantize, Quantize
from tinyml_core.graph.verify import verify
from tinyml_core.testing.random_graphs import choose_from, random_graph, random_inputs
from tinyml_core.testing.random_nodes import MAKERS


def graphs(count, **options):
    return [random_graph(choose_from(np.random.default_rng(seed)), **options) for seed in range(count)]


def test_they_cover_what_networks_are_made_of():
    networks = graphs(300)
    nodes = [(graph, node) for graph in networks for node in graph.nodes]
    assert {type(node.op) for _, node in nodes} == set(MAKERS)
    assert {graph.rounding for graph in networks} == set(Rounding)
    windows = [node.op for _, node in nodes if hasattr(node.op, "padding") and hasattr(node.op, "dilation")]
    assert any(op.padding[0] != op.padding[1] for op in windows)
    assert any(op.stride[0] != op.stride[1] for op in windows)
    assert any(op.dilation != (1, 1) for op in windows)
    assert any(len(graph.consumers.get(name, ())) > 1 for graph in networks for name in graph.tensors)
    assert any(isinstance(node.op, Add) and len(set(node.inputs)) == 2 for _, node in nodes)
    ratios = {
        graph.inputs_of(node)[1].shape[3] // graph.inputs_of(node)[0].shape[3]
        for graph, node in nodes
        if isinstance(node.op, DepthwiseConv2D)
    }
    assert ratios == {1, 2, 3}


def test_nothing_computed_is_lost():
    for graph in graphs(100):
        for node in graph.nodes:
            assert node.outputs[0] in graph.consumers or node.outputs[0] in graph.outputs


def test_the_same_choices_give_the_same_graph():
    assert all(identical(a, b) for a, b in zip(graphs(20), graphs(20), strict=True))


def test_options():
    for graph in graphs(50, nodes=[2], operators=[Add], roundings=[Rounding.TFLITE]):
        assert [type(node.op) for node in graph.nodes] == [Add, Add]
        assert graph.rounding is Rounding.TFLITE
    for graph in graphs(50, crossings=True):
        assert isinstance(graph.nodes[0].op, Quantize)
        assert graph.tensors[graph.inputs[0]].dtype is DType.FLOAT32
        assert isinstance(graph.producers[graph.outputs[0]].op, Dequantize)


def test_inputs_reach_the_extremes():
    choose = choose_from(np.random.default_rng(0))
    graph = random_graph(choose)
    arrays = [random_inputs(graph, choose)["image"] for _ in range(60)]
    assert any((array == -128).all() for array in arrays)
    assert any((array == 127).all() for array in arrays)
    assert any(len(np.unique(array)) > 2 for array in arrays)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hypothesis_can_drive_them(data):
    def choose(options):
        return data.draw(st.sampled_from(options))

    graph = random_graph(choose, nodes=range(1, 4))
    outputs = execute(verify(graph), random_inputs(graph, choose))
    assert {name: (array.shape, array.dtype) for name, array in outputs.items()} == {
        name: (graph.tensors[name].shape, graph.tensors[name].dtype.numpy) for name in graph.outputs
    }
