"""A small int8 network that every kind of step can be tried on."""

import numpy as np
import pytest

from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization
from tinyml_core.graph.operators import RELU, Add, Conv2D, FullyConnected, Mean
from tinyml_core.graph.serialise import save
from tinyml_core.platform import Platform


def small_network(width: int = 6, size: int = 8) -> Graph:
    rng = np.random.default_rng(1)
    b = GraphBuilder("small")

    def weights(name, *shape):
        data = rng.integers(-127, 128, shape).astype(np.int8)
        return b.constant(name, data, Quantization.per_channel(rng.uniform(0.002, 0.01, shape[0]), 0))

    def bias(name, count):
        return b.constant(name, rng.integers(-500, 500, count).astype(np.int32), Quantization.per_tensor(1e-4))

    x = b.input("image", (1, size, size, 1), DType.INT8, Quantization.per_tensor(1 / 255, -128))
    a = b.node(Conv2D(padding=(1, 1, 1, 1), activation=RELU), [x, weights("w1", width, 3, 3, 1), bias("b1", width)],
               name="stem", quantization=Quantization.per_tensor(0.02, -128))  # fmt: skip
    c = b.node(Conv2D(), [a, weights("w2", width, 1, 1, width), bias("b2", width)],
               name="mix", quantization=Quantization.per_tensor(0.03, 3))  # fmt: skip
    d = b.node(Add(), [a, c], name="residual", quantization=Quantization.per_tensor(0.04, -10))
    m = b.node(Mean(), [d], name="pool", quantization=Quantization.per_tensor(0.04, -10))
    y = b.node(FullyConnected(), [m, weights("w3", 4, width), bias("b3", 4)],
               name="scores", quantization=Quantization.per_tensor(0.05, 0))  # fmt: skip
    return b.build([y])


@pytest.fixture(scope="session")
def network() -> Graph:
    return small_network()


@pytest.fixture(scope="session")
def model(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "small.tinyml"
    save(network, path)
    return path


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture(scope="session")
def compiled(network, tmp_path_factory):
    out = tmp_path_factory.mktemp("compiled") / "out"
    Platform().compile(network, "stm32f746", out)
    return out
