"""A small float network, compiled to int8 once for all tests of reports."""

import numpy as np
import pytest

from tinyml_core.graph import DType, Graph, GraphBuilder
from tinyml_core.graph.operators import RELU, Add, Conv2D, DepthwiseConv2D, FullyConnected, Mean
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.platform import Platform

SAMPLES = np.random.default_rng(4).uniform(-1, 1, (20, 12, 12, 2)).astype(np.float32)


def float_network() -> Graph:
    """Two convolutions and a depthwise one, a residual, a mean and a dense layer."""
    rng = np.random.default_rng(3)
    b = GraphBuilder("floats")

    def constant(name, *shape):
        return b.constant(name, rng.uniform(-0.5, 0.5, shape).astype(np.float32))

    x = b.input("image", (1, 12, 12, 2), DType.FLOAT32)
    a = b.node(Conv2D(padding=(1, 1, 1, 1), activation=RELU), [x, constant("w1", 16, 3, 3, 2), constant("b1", 16)],
               name="stem")  # fmt: skip
    d = b.node(
        DepthwiseConv2D(padding=(1, 1, 1, 1)), [a, constant("w2", 1, 3, 3, 16), constant("b2", 16)], name="depth"
    )
    c = b.node(Conv2D(), [d, constant("w3", 16, 1, 1, 16), constant("b3", 16)], name="mix")
    m = b.node(Mean(), [b.node(Add(), [a, c], name="residual")], name="pool")
    return b.build([b.node(FullyConnected(), [m, constant("w4", 3, 16), constant("b4", 3)], name="scores")])


@pytest.fixture(scope="session")
def floats() -> Graph:
    return float_network()


@pytest.fixture(scope="session")
def compiled(floats, tmp_path_factory):
    """The folder of the int8 network."""
    out = tmp_path_factory.mktemp("report") / "out"
    return Platform().compile(floats, "stm32f746", out, CompileOptions(calibration={"image": SAMPLES})).folder


@pytest.fixture(scope="session")
def samples():
    return SAMPLES
