"""Post-training quantisation of a network that reads real digits: the integers are nearly as right as the floats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinyml_core.api.dataset import Split
from tinyml_core.api.quantizer import Quantizer
from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.quantised import quantise_array
from tinyml_core.graph import DType, Graph, GraphBuilder, Rounding
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.operators import RELU, Conv2D, FullyConnected, MaxPool2D, Reshape
from tinyml_core.graph.verify import verify
from tinyml_plugins.datasets.digits import Digits
from tinyml_plugins.quantize import hooks
from tinyml_plugins.quantize.post_training import PostTraining


@pytest.fixture(scope="module")
def digits():
    return Digits().load(0)


@pytest.fixture(scope="module")
def network(digits) -> Graph:
    """Random convolutions under a dense layer that is fitted to the digits by ridge regression."""
    rng = np.random.default_rng(0)

    def features() -> tuple[GraphBuilder, str]:
        b = GraphBuilder("ridge")
        x = b.input("image", (1, 8, 8, 1), DType.FLOAT32)
        x = b.node(Conv2D(padding=(1, 1, 1, 1), activation=RELU), [x, b.constant("w", kernel)], name="conv")
        return b, b.node(Reshape(shape=(1, 16 * 24)), [b.node(MaxPool2D(stride=(2, 2)), [x])], name="flat")

    kernel = rng.normal(size=(24, 3, 3, 1)).astype(np.float32)
    b, flat = features()
    count = len(digits.train)
    seen = execute(with_batch(b.build([flat]), count), {"image": digits.train.x})[flat].astype(np.float64)
    mean = seen.mean(axis=0)
    fitted = np.linalg.solve(
        (seen - mean).T @ (seen - mean) + 10 * np.eye(seen.shape[1]),
        (seen - mean).T @ (np.eye(10)[digits.train.y] - 0.1),
    )
    b, flat = features()
    dense = [flat, b.constant("u", fitted.T.astype(np.float32)), b.constant("c", (-mean @ fitted).astype(np.float32))]
    return verify(b.build([b.node(FullyConnected(), dense, name="logits")]))


def accuracy(graph: Graph, split: Split) -> float:
    image = graph.tensors["image"]
    x = split.x if image.quantization is None else quantise_array(split.x, image)
    return float(np.mean(execute(with_batch(graph, len(x)), {"image": x})["logits"].argmax(1) == split.y))


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("ranges", ["min-max", "percentile", "mse"])
def test_accuracy_is_kept(network, digits, rounding, ranges):
    expected = accuracy(network, digits.test)
    assert expected > 0.95
    graph = replace(network, rounding=rounding)
    integer = verify(PostTraining(ranges=ranges).quantize(graph, digits, 0))
    assert integer.rounding is rounding
    assert integer.tensors["image"].quantization.zero_point == (-128,)
    assert integer.tensors["image"].scale == pytest.approx(1 / 255)
    assert accuracy(integer, digits.test) > expected - 0.012


def test_equal_arguments_give_equal_bits(network, digits):
    first, again = (PostTraining(samples=40).quantize(network, digits, 2) for _ in range(2))
    assert first.tensors == again.tensors
    assert first.tensors["c"].data.tobytes() == again.tensors["c"].data.tobytes()


def test_without_data_everything_but_the_values_is_right(network, digits):
    placeholder, calibrated = PostTraining().quantize(network, None, 0), PostTraining().quantize(network, digits, 0)
    assert {t.name: (t.shape, t.dtype) for t in placeholder.tensors.values()} == {
        t.name: (t.shape, t.dtype) for t in calibrated.tensors.values()
    }


def test_the_component_loads():
    (component,) = hooks.tinyml_quantizers()
    assert isinstance(component.load()(samples=3), Quantizer)
    assert component.load_options() is PostTraining
