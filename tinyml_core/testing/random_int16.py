"""Random int16x8 graphs: int16 activations with zero point 0, int8 weights, biases of 64 bits (or 32, or none).

::

    random_int16_graph(np.random.default_rng(7), Rounding.TFLITE)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    RELU6,
    Activation,
    Add,
    AveragePool2D,
    Binary,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    MatMul,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    Split,
    Transpose,
    TransposeConv2D,
    Unary,
)
from tinyml_core.graph.verify import verify

ACTIVATIONS: tuple[Activation, ...] = (IDENTITY, IDENTITY, RELU, RELU6, (-1.0, 1.0))
SMALLEST_SCALE, LARGEST_SCALE = 1e-8, 1.0
"""At a finer scale a limit of 6 leaves 32 bits; from 2.67 on sigmoid and tanh are not defined."""
UNIT = Quantization.per_tensor(1 / 32768)
"""What softmax, sigmoid and tanh write."""


@dataclass(eq=False)
class Sketch:
    """A graph in the making; ``at`` is the int16 tensor that the next node reads, ``ends`` are outputs besides it."""

    builder: GraphBuilder
    rng: np.random.Generator
    at: str
    ends: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor to read."""
        return self.builder.tensor(self.at).shape

    @property
    def quantization(self) -> Quantization:
        """Of the tensor to read."""
        quantization = self.builder.tensor(self.at).quantization
        assert quantization is not None
        return quantization

    def pick(self, *options: Any) -> Any:  # noqa: ANN401 - whatever the options are
        """One of ``options``."""
        return options[int(self.rng.integers(len(options)))]

    def scale(self) -> Quantization:
        """A random quantisation."""
        return Quantization.per_tensor(float(10 ** self.rng.uniform(-5, -2.5)))

    def push(self, op: Operator, *others: str, quantization: Quantization | None = None, first: bool = True) -> None:
        """Add a node behind the tensor to read; its output is the next one, of the same quantisation by default."""
        inputs = [self.at, *others] if first else [*others, self.at]
        self.at = self.builder.node(op, inputs, quantization=quantization or self.quantization)

    @staticmethod
    def near(scale: float) -> Quantization:
        """The quantisation with the scale next to ``scale`` that every operator knows."""
        return Quantization.per_tensor(min(max(scale, SMALLEST_SCALE), LARGEST_SCALE))

    def constant(self, data: npt.NDArray[Any], quantization: Quantization | None) -> str:
        """Add a constant."""
        return self.builder.constant(f"constant_{len(self.builder.build([]).tensors)}", data, quantization)


def _linear(sketch: Sketch, op: Operator, shape: tuple[int, ...], axis: int, biases: tuple[str, ...]) -> None:
    rng, channels = sketch.rng, shape[axis]
    weights = rng.integers(-127, 128, shape).astype(np.int8)
    output, taps = sketch.scale(), weights.size // channels
    spread = output.scale[0] / (sketch.quantization.scale[0] * 75 * taps**0.5) * 10 ** rng.uniform(-0.5, 0.5)
    per_channel = rng.random() < 0.7
    scales = spread * 2.0 ** rng.uniform(-3, 1, channels if per_channel else 1)
    quantization = Quantization.per_channel(scales, axis) if per_channel else Quantization.per_tensor(float(scales[0]))
    operands = [sketch.constant(weights, quantization)]
    bias = sketch.pick(*biases)
    if bias:
        reach = int(10 ** rng.uniform(1, 11 if bias == "int64" else 8))
        products = np.array(quantization.scale) * sketch.quantization.scale[0]
        accumulator = Quantization.per_channel(products, 0) if per_channel else Quantization.per_tensor(products[0])
        operands.append(sketch.constant(rng.integers(-reach, reach, channels).astype(bias), accumulator))
    sketch.push(op, *operands, quantization=output)


def _window(sketch: Sketch, *, pooling: bool) -> tuple[dict[str, Any], tuple[int, int]]:
    kernel, padding = [], []
    for size in sketch.shape[1:3]:
        kernel.append(int(sketch.rng.integers(1, min(size, 4) + 1)))
        around = sketch.rng.integers(0, kernel[-1] if pooling else 3, 2)
        padding += [int(pad) for pad in around] if sketch.rng.random() < 0.5 else [0, 0]
    stride = (sketch.pick(1, 1, 2), sketch.pick(1, 1, 2))
    window = {"stride": stride, "padding": tuple(padding), "activation": sketch.pick(*ACTIVATIONS)}
    return window, (kernel[0], kernel[1])


def _convolution(sketch: Sketch) -> None:
    window, kernel = _window(sketch, pooling=False)
    shape = (int(sketch.rng.integers(1, 9)), *kernel, sketch.shape[3])
    _linear(sketch, Conv2D(**window), shape, 0, ("int64", "int64", "int32", ""))


def _depthwise(sketch: Sketch) -> None:
    window, kernel = _window(sketch, pooling=False)
    shape = (1, *kernel, sketch.shape[3] * sketch.pick(1, 1, 2))
    _linear(sketch, DepthwiseConv2D(**window), shape, 3, ("int64", "int64", ""))


def _dense(sketch: Sketch) -> None:
    elements = int(np.prod(sketch.shape))
    if len(sketch.shape) != 2:
        sketch.push(Reshape((1, elements)))
    op = FullyConnected(sketch.pick(*ACTIVATIONS))
    _linear(sketch, op, (int(sketch.rng.integers(1, 9)), elements), 0, ("int64", "int64", ""))


def _transposed(sketch: Sketch) -> None:
    kernel, stride = (sketch.pick(1, 2, 3), sketch.pick(1, 2, 3)), (sketch.pick(1, 2), sketch.pick(1, 2))
    sizes = zip(sketch.shape[1:3], stride, kernel, strict=True)
    rows, columns = ((size - 1) * step + taps for size, step, taps in sizes)
    op = TransposeConv2D((rows, columns), stride, (0, 0), sketch.pick(IDENTITY, RELU))
    _linear(sketch, op, (int(sketch.rng.integers(1, 5)), *kernel, sketch.shape[3]), 0, ("int64",))


def _pool(sketch: Sketch) -> None:
    window, kernel = _window(sketch, pooling=True)
    sketch.push(sketch.pick(AveragePool2D, MaxPool2D)(kernel=kernel, **window))


def _pair(sketch: Sketch) -> None:
    shape = tuple(sketch.pick(size, size, 1) for size in sketch.shape)
    data = sketch.rng.integers(-32768, 32768, shape).astype(np.int16)
    activation, ratio = sketch.pick(*ACTIVATIONS), float(10 ** sketch.rng.uniform(-1, 1))
    op = sketch.pick(Add(activation), Binary("subtract", activation), Binary("multiply", activation))
    other = Quantization.per_tensor(sketch.quantization.scale[0] * ratio)
    output = sketch.near(max(other.scale[0], sketch.quantization.scale[0]) * 1.7)
    if op == Binary("multiply", activation):
        product = other.scale[0] * sketch.quantization.scale[0]
        output = sketch.near(product * 10 ** sketch.rng.uniform(3, 4.5))
    sketch.push(op, sketch.constant(data, other), quantization=output, first=bool(sketch.rng.integers(2)))


def _extremum(sketch: Sketch) -> None:
    data = sketch.rng.integers(-32768, 32768, sketch.shape).astype(np.int16)
    sketch.push(Binary(sketch.pick("maximum", "minimum")), sketch.constant(data, sketch.quantization))


def _reduction(sketch: Sketch) -> None:
    rank = len(sketch.shape)
    axes = sketch.pick((1, 2), (rank - 1,), (1,)) if rank == 4 else (rank - 1,)
    op = sketch.pick(Mean(axes, True), Mean(axes, True), Reduce("sum", axes, keep_axes=True))
    quantization = sketch.pick(sketch.quantization, sketch.scale())
    sketch.push(op, quantization=quantization)


def _curve(sketch: Sketch) -> None:
    if sketch.rng.random() < 0.5:  # scales at which kernels go special ways
        scale = sketch.pick(2.0**-12, 2.0**-11, 2.0**-13, 1e-6, 0.01, 0.9)
        sketch.push(Quantize("int16"), quantization=Quantization.per_tensor(scale))
    sketch.push(Unary(sketch.pick("sigmoid", "tanh")), quantization=UNIT)


def _ramp(sketch: Sketch) -> None:
    op = sketch.pick(Unary("leaky_relu", alpha=sketch.pick(0.1, 1.5, -0.2, 0.0)), Unary("abs"))
    sketch.push(op, quantization=sketch.near(sketch.quantization.scale[0] * 10 ** sketch.rng.uniform(-1, 1)))


def _softmax(sketch: Sketch) -> None:
    sketch.push(Softmax(sketch.pick(1.0, 0.5, 4.0)), quantization=UNIT)


def _crossing(sketch: Sketch) -> None:
    """Go to int8 and back, or to another scale."""
    if sketch.rng.random() < 0.5:
        ratio = float(10 ** sketch.rng.uniform(1, 3))
        narrow = Quantization.per_tensor(sketch.quantization.scale[0] * ratio, int(sketch.rng.integers(-128, 128)))
        sketch.push(Quantize("int8"), quantization=narrow)
    sketch.push(Quantize("int16"), quantization=sketch.scale())


def _relu(sketch: Sketch) -> None:
    if sketch.rng.random() < 0.5:
        sketch.push(Clamp(sketch.pick(RELU, RELU6)))
    else:
        sketch.push(Clamp(RELU), quantization=sketch.scale())


def _movement(sketch: Sketch) -> None:
    rank, shape = len(sketch.shape), sketch.shape
    match sketch.rng.integers(5):
        case 0:
            pads = [(0, 0), *((int(a), int(b)) for a, b in sketch.rng.integers(0, 2, (rank - 1, 2)))]
            sketch.push(Pad(tuple(pads)))
        case 1:
            sketch.push(Transpose((0, *(int(axis) + 1 for axis in sketch.rng.permutation(rank - 1)))))
        case 2:
            sketch.push(Concat(rank - 1), sketch.at)
        case 3:
            starts = tuple(int(sketch.rng.integers(size)) for size in shape)
            sizes = tuple(size - start for size, start in zip(shape, starts, strict=True))
            sketch.push(Slice(starts, sizes, (1,) * rank))
        case _ if shape[-1] % 2 == 0:
            halves = sketch.builder.node_outputs(
                Split(rank - 1, (shape[-1] // 2,) * 2), [sketch.at], quantization=sketch.quantization
            )
            sketch.ends.append(halves[0])
            sketch.at = halves[1]


def _product(sketch: Sketch) -> None:
    shape, transposed = sketch.shape, bool(sketch.rng.integers(2))
    columns = int(sketch.rng.integers(1, 6))
    right = (*((1,) * (len(shape) - 2)), *((columns, shape[-1]) if transposed else (shape[-1], columns)))
    data, scale = sketch.rng.integers(-32768, 32768, right).astype(np.int16), sketch.scale()
    product = scale.scale[0] * sketch.quantization.scale[0] * 2e4 * shape[-1] ** 0.5
    operand = sketch.constant(data, scale)
    sketch.push(MatMul(transpose_right=transposed), operand, quantization=sketch.near(product))


MAKERS: Mapping[str, tuple[Callable[[Sketch], None], int]] = {
    "convolution": (_convolution, 4),
    "crossing": (_crossing, 2),
    "curve": (_curve, 2),
    "dense": (_dense, 2),
    "depthwise": (_depthwise, 4),
    "extremum": (_extremum, 2),
    "movement": (_movement, 2),
    "pair": (_pair, 2),
    "pool": (_pool, 4),
    "product": (_product, 2),
    "ramp": (_ramp, 2),
    "reduction": (_reduction, 2),
    "relu": (_relu, 2),
    "softmax": (_softmax, 2),
    "transposed": (_transposed, 4),
}
"""What adds nodes to a sketch, and the least rank it takes; dense layers take up to 600 elements."""


def random_int16_graph(
    rng: np.random.Generator,
    rounding: Rounding,
    *,
    nodes: int = 4,
    kinds: tuple[str, ...] = tuple(MAKERS),
    crossings: bool = False,
) -> Graph:
    """A verified graph with an int16 input; ``crossings``: real numbers come in and go out instead.

    Args:
        rng: the only source of randomness.
        rounding: the graph's.
        nodes: how many of ``kinds`` follow each other; some add two nodes.
        kinds: names of :data:`MAKERS` to pick from.
        crossings: whether the network starts with a quantize node and ends with a dequantize node.
    """
    builder = GraphBuilder("random int16", rounding)
    shape = (1, *(int(size) for size in rng.integers(1, 8, 3)))
    quantization = Quantization.per_tensor(float(10 ** rng.uniform(-5, -3)))
    if crossings:
        at = builder.node(Quantize("int16"), [builder.input("x", shape, DType.FLOAT32)], quantization=quantization)
    else:
        at = builder.input("x", shape, DType.INT16, quantization)
    sketch = Sketch(builder, rng, at)
    for _ in range(nodes):
        make, rank = MAKERS[kinds[int(rng.integers(len(kinds)))]]
        if len(sketch.shape) >= rank and np.prod(sketch.shape) <= (600 if make is _dense else 2000):
            make(sketch)
    if sketch.at == "x":
        sketch.push(Reshape(shape))
    end = builder.node(Dequantize(), [sketch.at]) if crossings else sketch.at
    return verify(builder.build([end, *sketch.ends]))


__all__ = ["MAKERS", "random_int16_graph"]
