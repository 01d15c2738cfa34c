"""A few bytes that ask for hours: every such network is refused by name before anything is computed."""

import numpy as np
import pytest

from tflite_models.authoring import Author
from tinyml_core.errors import GraphError, TinyMLError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Add, Conv2D, MaxPool2D, Reshape, TransposeConv2D
from tinyml_core.graph.operators.window import MOST_TAPS
from tinyml_core.graph.verify import MOST_OPERATIONS, verify

Q = Quantization.per_tensor(0.1)
SAME = 0


def pooled(code, size, window):
    author = Author()
    image = author.input((1, size, size, 1))
    output = author.tensor((1, size, size, 1), name="output")
    author.operator(code, [image], [output], "Pool2DOptions", version=2, padding=SAME, strideH=1, strideW=1,
                    filterHeight=window, filterWidth=window)  # fmt: skip
    return author.outputs(output)


@pytest.mark.parametrize("code", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
@pytest.mark.parametrize(
    ("size", "window", "reason"), [(10_000, 10_000, f"10000 x 10000 taps, the limit is {MOST_TAPS}"),
                                   (512, 512, f"operations, the limit is {MOST_OPERATIONS}")],
)  # fmt: skip
def test_pools(code, size, window, reason, judged, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(pooled(code, size, window).file())
    verdict = judged(path)
    assert verdict.outcome == "refused", verdict.detail
    assert "graph 'model'" in verdict.detail or "pool2d_0'" in verdict.detail
    assert verdict.detail.startswith(str(path))
    assert reason in verdict.detail


def test_a_pool_over_a_whole_image_is_none_of_them(tmp_path):
    author = Author()
    image, output = author.input((1, 224, 224, 1)), author.tensor((1, 1, 1, 1), name="output")
    author.operator("AVERAGE_POOL_2D", [image], [output], "Pool2DOptions", version=2, padding=1, strideH=1, strideW=1,
                    filterHeight=224, filterWidth=224)  # fmt: skip
    assert author.outputs(output).graph(tmp_path).nodes[0].op.kernel == (224, 224)


def network(*ops, shape=(1, 8, 8, 1), weights=None):
    builder = GraphBuilder("demanding")
    value = builder.input("x", shape, DType.INT8, Q)
    operands = [] if weights is None else [builder.constant("w", np.ones(weights, np.int8), Q)]
    for op in ops:
        value = builder.node(op, [value, *operands], quantization=Q)
    return builder.build([value])


REFUSED = {
    "taps of a convolution": (
        lambda: network(Conv2D(), shape=(1, 600, 600, 1), weights=(1, 600, 600, 1)), "600 x 600 taps",
    ),
    "a canvas that is cropped away": (
        lambda: network(TransposeConv2D((1, 1), (1 << 24, 1 << 24)), weights=(1, 1, 1, 1)), "uncropped output",
    ),
    "many layers": (
        lambda: network(*[Add()] * 1024, shape=(1 << 26,), weights=(1,)), "operations",
    ),
    "layers that are each allowed": (
        lambda: network(*[MaxPool2D((1, 1), (128, 127, 128, 127), kernel=(256, 256))] * 16, shape=(1, 256, 256, 1)),
        "operations",
    ),
    "many axes": (lambda: network(Reshape((1,) * 40), shape=(1,)), "40 axes"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_graphs(case):
    make, reason = REFUSED[case]
    with pytest.raises(GraphError, match=reason):
        verify(make())


def test_the_limit_is_on_the_sum():
    op = MaxPool2D((1, 1), (128, 127, 128, 127), kernel=(256, 256))
    verify(network(*[op] * 8, shape=(1, 256, 256, 1)))
    with pytest.raises(TinyMLError, match=f"limit is {MOST_OPERATIONS}"):
        verify(network(*[op] * 9, shape=(1, 256, 256, 1)))
