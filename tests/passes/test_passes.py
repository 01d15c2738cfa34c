"""The passes keep what a graph computes, and know when to leave it alone."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    RELU6,
    Add,
    BatchNorm,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Mean,
    Reshape,
)
from tinyml_core.graph.verify import verify
from tinyml_plugins.passes.fold_batch_norm import FoldBatchNorm
from tinyml_plugins.passes.fuse_activation import FuseActivation


def normalised(builder: GraphBuilder, x: str, name: str, rng: np.random.Generator, **options) -> str:
    channels = builder.tensor(x).shape[-1]
    parameters = {
        "gamma": rng.normal(1, 0.3, channels),
        "beta": rng.normal(size=channels),
        "mean": rng.normal(size=channels),
        "variance": rng.uniform(0.01, 3, channels),
    }
    constants = [builder.constant(f"{name}_{role}", data.astype(np.float32)) for role, data in parameters.items()]
    return builder.node(BatchNorm(**options), [x, *constants], name=name)


def constant(builder: GraphBuilder, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> str:
    return builder.constant(name, rng.normal(0, 0.4, shape).astype(np.float32))


def example(seed: int) -> Graph:
    """Every layer that takes a normalisation, with and without a bias, ending in a residual sum and a clamp."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder("example")
    x = b.input("image", (1, 5, 6, 3), DType.FLOAT32)
    x = b.node(Conv2D(padding=(1, 1, 1, 1)), [x, constant(b, "w0", (4, 3, 3, 3), rng)], name="conv")
    x = normalised(b, x, "conv_norm", rng, activation=RELU6, epsilon=1e-3)
    y = b.node(
        DepthwiseConv2D(padding=(0, 2, 1, 1)),
        [x, constant(b, "w1", (1, 3, 3, 4), rng), constant(b, "b1", (4,), rng)],
        name="depthwise",
    )
    y = normalised(b, y, "depthwise_norm", rng)
    y = b.node(Clamp(activation=RELU), [y], name="depthwise_relu")
    z = b.node(Add(), [x, y], name="sum")
    z = b.node(Clamp(activation=(-1.0, 2.5)), [z], name="sum_clamp")
    z = b.node(Mean(), [z], name="pool")
    z = b.node(FullyConnected(), [z, constant(b, "w2", (7, 4), rng), constant(b, "b2", (7,), rng)], name="dense")
    z = normalised(b, z, "dense_norm", rng)
    return verify(b.build([b.node(Clamp(activation=RELU), [z], name="dense_relu")]))


def run(graph: Graph, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=graph.tensors[graph.inputs[0]].shape).astype(np.float32)
    return execute(graph, {graph.inputs[0]: x})[graph.outputs[0]]


@pytest.mark.parametrize("seed", range(3))
def test_folding_moves_every_normalisation_and_keeps_the_result(seed):
    graph = example(seed)
    folded = verify(FoldBatchNorm().apply(graph))
    assert not [node for node in folded.nodes if isinstance(node.op, BatchNorm)]
    assert [node.name for node in folded.nodes][:2] == ["conv", "depthwise"]
    assert folded.outputs == graph.outputs
    np.testing.assert_allclose(run(folded), run(graph), rtol=1e-5, atol=1e-5)
    assert np.abs(run(graph)).max() > 0.01


@pytest.mark.parametrize("seed", range(3))
def test_fusing_keeps_every_bit(seed):
    folded = FoldBatchNorm().apply(example(seed))
    fused = verify(FuseActivation().apply(folded))
    assert [node.name for node in fused.nodes] == ["conv", "depthwise", "sum", "pool", "dense"]
    assert run(fused).tobytes() == run(folded).tobytes()


def test_there_is_nothing_to_do_twice():
    done = FuseActivation().apply(FoldBatchNorm().apply(example(0)))
    assert FoldBatchNorm().apply(done) is done
    assert FuseActivation().apply(done) is done


def test_zeros_of_an_untrained_graph_take_no_memory_after_folding():
    b = GraphBuilder("untrained")
    x = b.input("image", (1, 8, 8, 64), DType.FLOAT32)
    x = b.node(Conv2D(), [x, b.zeros("w", (512, 1, 1, 64))], name="conv")
    x = b.node(BatchNorm(), [x, *(b.zeros(role, (512,)) for role in "gbmv")], name="norm")
    folded = verify(FoldBatchNorm().apply(b.build([x])))
    assert not any(folded.tensors["w"].data.strides)
    assert set(folded.tensors) == {"image", "w", "conv/bias", "norm"}


def test_weights_with_another_reader_stay_as_they_are():
    rng = np.random.default_rng(0)
    b = GraphBuilder("shared")
    x = b.input("image", (1, 4, 4, 2), DType.FLOAT32)
    weights = constant(b, "w", (2, 1, 1, 2), rng)
    left = normalised(b, b.node(Conv2D(), [x, weights], name="left"), "norm", rng)
    right = b.node(Conv2D(), [x, weights], name="right")
    graph = b.build([b.node(Add(), [left, right], name="sum")])
    folded = verify(FoldBatchNorm().apply(graph))
    assert folded.tensors["w"].data is graph.tensors["w"].data
    assert "left/weights" in folded.tensors
    np.testing.assert_allclose(run(folded), run(graph), rtol=1e-5, atol=1e-5)


def test_a_value_that_somebody_else_reads_is_not_merged_away():
    rng = np.random.default_rng(0)
    b = GraphBuilder("read twice")
    x = b.input("image", (1, 4, 4, 2), DType.FLOAT32)
    x = b.node(Conv2D(), [x, constant(b, "w", (2, 1, 1, 2), rng)], name="conv")
    norm = normalised(b, x, "norm", rng)
    relu = b.node(Clamp(activation=RELU), [norm], name="relu")
    inner = b.build([b.node(Add(), [relu, x], name="sum")])
    assert [node.name for node in FoldBatchNorm().apply(inner).nodes] == ["conv", "norm", "relu", "sum"]
    output = b.build([norm, relu])
    assert [node.name for node in FuseActivation().apply(output).nodes] == ["conv", "norm", "relu", "sum"]


def test_a_layer_with_an_activation_takes_no_normalisation_but_a_second_normalisation_folds_too():
    rng = np.random.default_rng(0)
    for activation, left in ((RELU, 2), (IDENTITY, 0)):
        b = GraphBuilder("chain")
        x = b.input("image", (1, 4, 4, 2), DType.FLOAT32)
        x = b.node(Conv2D(activation=activation), [x, constant(b, "w", (2, 1, 1, 2), rng)], name="conv")
        x = normalised(b, normalised(b, x, "first", rng), "second", rng)
        graph = b.build([x])
        folded = verify(FoldBatchNorm().apply(graph))
        assert len(folded.nodes) == 1 + left
        np.testing.assert_allclose(run(folded), run(graph), rtol=1e-5, atol=1e-5)


def test_two_clamps_become_the_narrower_one_even_when_they_do_not_overlap():
    b = GraphBuilder("clamps")
    x = b.input("x", (1, 16), DType.FLOAT32)
    x = b.node(FullyConnected(activation=(2.0, 3.0)), [x, b.constant("w", np.eye(16, dtype=np.float32) * 3)], name="d")
    x = b.node(Clamp(activation=(-1.0, 1.0)), [x], name="c")
    graph = b.build([x])
    fused = FuseActivation().apply(graph)
    assert fused.nodes[0].op.activation == (1.0, 1.0)
    assert run(fused).tobytes() == run(graph).tobytes()


def test_an_integer_clamp_that_changes_the_scale_stays():
    scales = [Quantization.per_tensor(scale) for scale in (0.1, 0.2, 0.2)]
    for output, nodes in ((scales[2], 1), (Quantization.per_tensor(0.05), 2)):
        b = GraphBuilder("integer")
        x = b.input("x", (1, 2), DType.INT8, scales[0])
        w = b.constant("w", np.eye(2, dtype=np.int8), Quantization.per_channel([0.5, 0.5], 0))
        x = b.node(FullyConnected(), [x, w], name="dense", quantization=scales[1])
        x = b.node(Clamp(activation=RELU), [x], name="relu", quantization=output)
        assert len(FuseActivation().apply(verify(b.build([x]))).nodes) == nodes


def test_other_operators_are_left_alone():
    b = GraphBuilder("other")
    x = b.input("x", (1, 4), DType.FLOAT32)
    x = b.node(Clamp(activation=RELU), [b.node(Reshape(shape=(1, 2, 2)), [x], name="reshape")], name="relu")
    graph = b.build([x])
    assert FuseActivation().apply(graph) is graph
