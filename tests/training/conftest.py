"""Networks for the tests of training: an untrained inverted-bottleneck network and the digits."""

from __future__ import annotations

import pytest

from tinyml_core.graph import DType, Graph, GraphBuilder
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU6,
    Add,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Mean,
)
from tinyml_core.graph.verify import verify
from tinyml_plugins.datasets.digits import Digits
from tinyml_plugins.passes.fold_batch_norm import FoldBatchNorm
from tinyml_plugins.training.evaluator import Training


def block(b: GraphBuilder, x: str, name: str, op: type, shape: tuple[int, ...], stride: int, activation) -> str:
    """A convolution with SAME-like padding, which is asymmetric for even images and stride 2, and its normalisation."""
    same = (0, 1, 0, 1) if stride == 2 else (shape[1] // 2,) * 4
    x = b.node(op(stride=(stride, stride), padding=same), [x, b.zeros(f"{name}_w", shape)], name=name)
    roles = [b.zeros(f"{name}_{role}", b.tensor(x).shape[3:]) for role in ("gamma", "beta", "mean", "variance")]
    return b.node(BatchNorm(activation=activation), [x, *roles], name=f"{name}_norm")


@pytest.fixture(scope="session")
def untrained() -> Graph:
    b = GraphBuilder("bottleneck")
    x = b.input("image", (1, 8, 8, 1), DType.FLOAT32)
    x = block(b, x, "stem", Conv2D, (16, 3, 3, 1), 1, RELU6)
    for number, (inside, out, stride) in enumerate(((32, 24, 2), (48, 24, 1))):
        y = block(b, x, f"expand{number}", Conv2D, (inside, 1, 1, b.tensor(x).shape[3]), 1, RELU6)
        y = block(b, y, f"depthwise{number}", DepthwiseConv2D, (1, 3, 3, inside), stride, RELU6)
        y = block(b, y, f"project{number}", Conv2D, (out, 1, 1, inside), 1, IDENTITY)
        x = b.node(Add(), [x, y], name=f"sum{number}") if stride == 1 else y
    x = b.node(Mean(), [x], name="pool")
    x = b.node(FullyConnected(), [x, b.zeros("dense_w", (10, 24)), b.zeros("dense_b", (10,))], name="dense")
    return verify(b.build([x]))


@pytest.fixture(scope="session")
def digits():
    return Digits().load(0)


@pytest.fixture(scope="session")
def trained(untrained, digits):
    return Training(steps=250).evaluate(untrained, digits, 0)


@pytest.fixture(scope="session")
def folded(trained) -> Graph:
    return FoldBatchNorm().apply(trained.graph)
