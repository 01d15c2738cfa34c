"""Single layers that arrange elements, of every type: more of what the tests of the code generator run."""

from __future__ import annotations

import itertools

import numpy as np

from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Concat, Expand, Gather, Pad, Resize, Slice, Split, Tile, Transpose
from tinyml_core.graph.verify import verify

SHAPE = (2, 3, 4, 5)
SCALES = {
    DType.INT8: Quantization.per_tensor(0.05, -7),
    DType.INT16: Quantization.per_tensor(0.001, 0),
    DType.UINT8: Quantization.per_tensor(0.02, 131),
}
ALONE = [
    *(Transpose(axes=axes) for axes in itertools.permutations(range(4)) if sum(axes[:2]) in (1, 4, 5)),
    Slice(starts=(0, 0, 0, 0), sizes=SHAPE, steps=(1, 1, 1, 1)),
    Slice(starts=(1, 0, 0, 0), sizes=(1, 3, 4, 5), steps=(1, 1, 1, 1)),
    Slice(starts=(0, 1, 0, 0), sizes=(2, 2, 4, 5), steps=(1, 1, 1, 1)),
    Slice(starts=(1, 2, 3, 4), sizes=(2, 3, 2, 2), steps=(-1, -1, -2, -3)),
    Slice(starts=(1, 0, 2, 1), sizes=(1, 2, 1, 2), steps=(1, 2, 1, 2)),
    Tile(repeats=(1, 1, 1, 1)),
    Tile(repeats=(2, 1, 1, 3)),
    Tile(repeats=(1, 2, 2, 1)),
    Tile(repeats=(3, 2, 2, 2)),
    Expand(shape=SHAPE),
    Expand(shape=(3, *SHAPE)),
    Expand(shape=(2, 1, *SHAPE)),
    *(
        Pad(padding=padding, mode=mode)
        for mode in ("reflect", "symmetric", "edge", "wrap")
        for padding in (((0, 0), (1, 2), (3, 1), (0, 0)), ((1, 1), (2, 0), (0, 3), (4, 4)), ((0, 0),) * 4)
    ),
    Pad(padding=((0, 1), (0, 0), (2, 0), (0, 3)), value=1.0),
    Pad(padding=((0, 0), (2, 1), (0, 3), (0, 0))),
    *(
        Resize(size=size, coordinates=coordinates, rounding=rounding)
        for size in ((6, 8), (2, 3), (5, 1), (1, 9))
        for coordinates, rounding in (
            ("asymmetric", "floor"),
            ("half_pixel", "half_up"),
            ("half_pixel", "half_down"),
            ("align_corners", "half_up"),
            ("asymmetric", "ceil"),
        )
    ),
]
BILINEAR = [
    Resize(size=size, method="bilinear", coordinates=coordinates)
    for size in ((6, 8), (2, 3), (5, 1), (1, 9), (7, 7))
    for coordinates in ("asymmetric", "half_pixel", "align_corners")
]
INTERPOLATED = (DType.FLOAT32, DType.INT8, DType.UINT8, DType.INT16)


def _alone(b, dtype, operators):
    q = SCALES.get(dtype)
    x = b.input("x", SHAPE, dtype, q)
    return [b.node(op, [x], quantization=q) for op in operators]


def _joints(b, dtype, rng):
    q = SCALES.get(dtype)
    x = b.input("x", SHAPE, dtype, q)
    for axis in range(4):
        data = rng.integers(0, 2, (*SHAPE[:axis], 2, *SHAPE[axis + 1 :])).astype(dtype.numpy)
        yield b.node(Concat(axis=axis), [x, b.constant(f"c{axis}", data, q), x], quantization=q)
    for axis, sizes in [(0, (1, 1)), (1, (1, 2)), (2, (1, 1, 2)), (3, (5,)), (3, (3, 1, 1))]:
        pieces = b.node_outputs(Split(axis=axis, sizes=sizes), [x], quantization=q)
        yield from pieces[1:]
        yield b.node(Concat(axis=axis), pieces[::-1], quantization=q)


def _gathers(b, dtype, rng):
    q = SCALES.get(dtype)
    x, table = b.input("x", SHAPE, dtype, q), b.constant("table", rng.integers(0, 2, SHAPE).astype(dtype.numpy), q)
    for index_type in (DType.INT32, DType.INT64):
        at = b.input(f"at {index_type}", (2, 2), index_type)
        for axis in range(4):
            known = rng.integers(-SHAPE[axis], SHAPE[axis], (2, 3)).astype(index_type.numpy)
            known = b.constant(f"at {index_type} along {axis}", known)
            for source, indices in [(x, known), (x, at), (table, at)]:
                yield b.node(Gather(axis=axis), [source, indices], quantization=q)


def layers(rounding):
    """All operators of a family side by side in one graph for each type."""
    rng = np.random.default_rng(1)
    families = {
        "alone": lambda b, dtype: _alone(b, dtype, ALONE),
        "joints": lambda b, dtype: list(_joints(b, dtype, rng)),
        "gathers": lambda b, dtype: list(_gathers(b, dtype, rng)),
        "bilinear": lambda b, dtype: _alone(b, dtype, BILINEAR) if dtype in INTERPOLATED else [],
    }
    graphs = []
    for (name, family), dtype in itertools.product(families.items(), DType):
        b = GraphBuilder(f"{name} {dtype}", rounding)
        if outputs := family(b, dtype):
            graphs.append(verify(b.build(outputs)))
    return graphs
