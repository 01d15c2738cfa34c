"""Operators that arrange elements and those over matrices, against PyTorch, plain loops and NumPy's own functions."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import (
    Concat,
    Expand,
    Gather,
    MatMul,
    Resize,
    Slice,
    Split,
    Tile,
    Transpose,
    TransposeConv2D,
)
from tinyml_core.graph.verify import verify

F = np.float32
Q = Quantization.per_tensor
SHAPE = (2, 3, 4, 5)
NARROW = (DType.INT8, DType.UINT8, DType.INT16)
"""Types that always have a scale."""
TORCH_RESIZES = [("half_pixel", {"align_corners": False}), ("align_corners", {"align_corners": True})]


def compute(op, *operands):
    b = GraphBuilder("one node")
    dtypes = [DType(values.dtype.name) for values in operands]
    scales = [Q(0.05, 3) if dtype in NARROW else None for dtype in dtypes]
    names = [
        b.input(f"x{i}", values.shape, dtype, scale)
        for i, (values, dtype, scale) in enumerate(zip(operands, dtypes, scales, strict=True))
    ]
    graph = verify(b.build(b.node_outputs(op, names, name="y", quantization=scales[0])))
    return list(execute(graph, dict(zip(names, operands, strict=True))).values())


def elements(dtype, shape=SHAPE):
    return np.random.default_rng(0).integers(0, 100, shape).astype(dtype.numpy)


def normal(*shape, seed=0):
    """Magnitudes far apart, so that another order of the sum gives other bits."""
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 1, shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(F)


@pytest.mark.parametrize("dtype", list(DType))
def test_elements_of_every_type_move(dtype):
    x = elements(dtype)
    cases = [
        (Transpose((3, 0, 2, 1)), x.transpose(3, 0, 2, 1)),
        (Slice((1, 2, 0, 4), (2, 2, 2, 3), (-1, -1, 3, -2)), x[::-1, 2:0:-1, ::3, ::-2]),
        (Tile((1, 2, 1, 3)), np.tile(x, (1, 2, 1, 3))),
        (Expand((4, *SHAPE)), np.broadcast_to(x, (4, *SHAPE))),
        (Resize((6, 8)), x.repeat(2, axis=1).repeat(2, axis=2)),
    ]
    for op, expected in cases:
        (found,) = compute(op, x)
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected), op
    assert np.array_equal(compute(Concat(2), x, x[:, :, :1])[0], np.concatenate([x, x[:, :, :1]], 2))
    pieces = compute(Split(3, (1, 4)), x)
    assert [piece.shape for piece in pieces] == [(2, 3, 4, 1), (2, 3, 4, 4)]
    assert np.array_equal(np.concatenate(pieces, 3), x)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_gather_clamps_what_leaves_the_axis(dtype):
    x = elements(DType.INT16)
    indices = np.array([[0, 3, -1], [-4, 4, -5], [np.iinfo(dtype).max, np.iinfo(dtype).min, 1]], dtype)
    (found,) = compute(Gather(2), x, indices)
    assert np.array_equal(found, x[:, :, [[0, 3, 3], [0, 3, 0], [3, 0, 1]]])


def test_gather_of_a_single_element():
    (found,) = compute(Gather(0), np.array([5, 6, 7], np.int32), np.array(-1))
    assert isinstance(found, np.ndarray)
    assert (found.shape, found.item()) == ((), 7)


def test_what_cannot_be_is_refused_by_name():
    b = GraphBuilder("g")
    x, at = b.input("x", (1, 4), DType.INT8, Q(0.1)), b.constant("at", np.array([4], np.int32))
    with pytest.raises(UnsupportedError, match=r"\(gather\).*index 4 leaves an axis of 4"):
        graph = b.build([b.node(Gather(1), [x, at], quantization=Q(0.1))])
        execute(graph, {"x": np.zeros((1, 4), np.int8)})
    for op in (Transpose((1, 0)), Tile((2, 1)), Slice((0, 0), (1, 2), (1, 1)), Expand((3, 4))):
        b = GraphBuilder("g")
        x = b.input("x", (1, 4), DType.INT8, Q(0.1))
        with pytest.raises(UnsupportedError, match="scale and zero point of 'x' and 'y' differ"):
            execute(b.build([b.node(op, [x], name="y", quantization=Q(0.2))]), {"x": np.zeros((1, 4), np.int8)})
    b = GraphBuilder("g")
    x, y = b.input("x", (1, 4), DType.INT8, Q(0.1)), b.input("z", (1, 4), DType.INT8, Q(0.1, 1))
    with pytest.raises(UnsupportedError, match="scale and zero point of 'x' and 'z' differ"):
        both = {"x": np.zeros((1, 4), np.int8), "z": np.zeros((1, 4), np.int8)}
        execute(b.build([b.node(Concat(1), [x, y], quantization=Q(0.1))]), both)
    with pytest.raises(UnsupportedError, match="interpolates no int32"):
        compute(Resize((2, 2), "bilinear"), elements(DType.INT32))


@pytest.mark.parametrize(("coordinates", "options"), TORCH_RESIZES)
@pytest.mark.parametrize("size", [(6, 8), (3, 2), (7, 7), (1, 1), (4, 5)])
def test_bilinear_images_are_pytorchs(coordinates, options, size):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(1).normal(size=SHAPE).astype(F)
    image = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    expected = torch.nn.functional.interpolate(image, size, mode="bilinear", **options).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(compute(Resize(size, "bilinear", coordinates), x)[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("mode", "ties"), [("nearest", ("asymmetric", "floor")), ("nearest-exact", ("half_pixel", "half_up"))]
)
@pytest.mark.parametrize("size", [(6, 8), (3, 2), (7, 7), (1, 1), (4, 5)])
def test_nearest_pixels_are_pytorchs(mode, ties, size):
    torch = pytest.importorskip("torch")
    x = elements(DType.FLOAT32)
    image = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    expected = torch.nn.functional.interpolate(image, size, mode=mode).numpy().transpose(0, 2, 3, 1)
    assert np.array_equal(compute(Resize(size, "nearest", *ties), x)[0], expected)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
def test_integer_interpolation_is_within_a_hair_of_the_real_one(dtype):
    info = np.iinfo(dtype)
    x = np.random.default_rng(2).integers(info.min, info.max + 1, SHAPE).astype(dtype)
    for coordinates in ("half_pixel", "asymmetric", "align_corners"):
        op = Resize((8, 16), "bilinear", coordinates)
        real, found = compute(op, x.astype(F))[0], compute(op, x)[0]
        assert np.abs(found - real).max() <= 0.5 + (info.max - float(info.min)) * 16 / 1024


def test_a_large_image_reads_nothing_beyond_its_source():
    x = np.arange(3, dtype=np.int8).reshape(1, 1, 3, 1)  # ten fractional bits round the scale up to 2/1024
    found = compute(Resize((1, 2000), "bilinear", "asymmetric"), x)[0].ravel()
    assert found[-1] == 2
    assert np.all(np.diff(found.astype(int)) >= 0)


def test_float_product_adds_along_the_inner_axis():
    x, y = normal(2, 1, 3, 37), normal(4, 5, 37, seed=1)
    (found,) = compute(MatMul(transpose_right=True, activation=(-1000.0, 500.0)), x, y)
    expected = np.zeros((2, 4, 3, 5), F)
    for place in np.ndindex(expected.shape):
        total = F(0)
        for index in range(37):
            total = total + x[place[0], 0, place[2], index] * y[place[1], place[3], index]
        expected[place] = min(max(total, F(-1000)), F(500))
    assert found.tobytes() == expected.tobytes()
    assert np.any(np.clip(x @ y.swapaxes(-1, -2), -1000, 500) != expected), "the order of the sum does not show"


def test_integer_product_is_exact():
    rng = np.random.default_rng(3)
    for rounding in Rounding:
        b = GraphBuilder("g", rounding)
        x, y = b.input("x", (2, 3, 300), DType.INT8, Q(0.5, -128)), b.input("y", (2, 300, 4), DType.INT8, Q(0.25, 127))
        graph = b.build([b.node(MatMul(), [x, y], name="z", quantization=Q(1024.0, 3))])
        inputs = {name: rng.integers(-128, 128, graph.tensors[name].shape).astype(np.int8) for name in graph.inputs}
        total = (inputs["x"].astype(int) + 128) @ (inputs["y"].astype(int) - 127)
        error = execute(graph, inputs)["z"] - np.clip(total / 8192 + 3, -128, 127)
        assert np.abs(error).max() <= 0.5 + 1e-6


def transposed(x, w, op):
    """By the definition: pixel by pixel of the input, every window added to the output."""
    total = np.zeros((x.shape[0], *op.size, w.shape[0]), F)
    for n, i, j, c in np.ndindex(x.shape):
        for out, row, column in np.ndindex(w.shape[:3]):
            y, z = i * op.stride[0] - op.padding[0] + row, j * op.stride[1] - op.padding[1] + column
            if 0 <= y < op.size[0] and 0 <= z < op.size[1]:
                total[n, y, z, out] = total[n, y, z, out] + x[n, i, j, c] * w[out, row, column, c]
    return total


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"),
    [((3, 3), (2, 2), (1, 1), (7, 5)), ((2, 4), (3, 1), (0, 2), (11, 4)), ((1, 1), (2, 3), (0, 0), (8, 8)),
     ((4, 4), (1, 1), (3, 3), (2, 1))],
)  # fmt: skip
def test_transposed_convolution(kernel, stride, padding, size):
    x, w, bias = normal(2, 4, 3, 2), normal(3, *kernel, 2, seed=1), normal(3, seed=2)
    op = TransposeConv2D(size, stride, padding)
    (found,) = compute(op, x, w, bias)
    expected = transposed(x, w, op) + bias
    assert found.tobytes() == expected.tobytes()


def test_transposed_convolution_is_pytorchs():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    x, w = rng.normal(size=(1, 5, 4, 3)).astype(F), rng.normal(size=(6, 3, 3, 3)).astype(F)
    expected = torch.nn.functional.conv_transpose2d(
        torch.from_numpy(x.transpose(0, 3, 1, 2).copy()),
        torch.from_numpy(w.transpose(3, 0, 1, 2).copy()),
        stride=2, padding=1, output_padding=1,
    )  # fmt: skip
    (found,) = compute(TransposeConv2D((10, 8), (2, 2), (1, 1)), x, w)
    np.testing.assert_allclose(found, expected.numpy().transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-5)
