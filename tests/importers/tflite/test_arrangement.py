"""Operators that arrange elements, reduce or multiply activations: one of each against TensorFlow Lite Micro."""

import numpy as np
import pytest

from tflite_models.authoring import FLOAT32, INT8, INT32, INT64, Author, agrees
from tinyml_core.errors import InputError, TinyMLError, UnsupportedError


def one(code, inputs, outputs, kind="NONE", *, scale=0.05, version=1, types=INT8, **options):
    """A file with one operator: a tuple is the shape of an activation, a list or number a constant int32."""
    author, operands, results = Author(), [], []
    scale = scale if types == INT8 else None
    for index, each in enumerate(inputs):
        if isinstance(each, tuple):
            operands.append(author.input(each, types, name=f"input{index}", scale=scale, zero_point=-7))
        else:
            operands.append(author.constant(each))
    for index, shape in enumerate(outputs):
        results.append(author.tensor(shape, types, name=f"output{index}", scale=scale, zero_point=-7))
    author.operator(code, operands, results, kind, version=version, **options)
    return author.outputs(*results)


def masks(begin=0, end=0, ellipsis=0, new_axis=0, shrink=0):
    names = ("beginMask", "endMask", "ellipsisMask", "newAxisMask", "shrinkAxisMask")
    return dict(zip(names, (begin, end, ellipsis, new_axis, shrink), strict=True))


CASES = {
    "concat": one("CONCATENATION", [(1, 2, 3), (1, 4, 3)], [(1, 6, 3)], "ConcatenationOptions", axis=1),
    "concat last": one("CONCATENATION", [(1, 2, 3)] * 3, [(1, 2, 9)], "ConcatenationOptions", axis=-1),
    "pack": one("PACK", [(2, 3), (2, 3)], [(2, 2, 3)], "PackOptions", valuesCount=2, axis=1),
    "pack last": one("PACK", [(2, 3)] * 4, [(2, 3, 4)], "PackOptions", valuesCount=4, axis=-1),
    "unpack": one("UNPACK", [(2, 3)], [(2,)] * 3, "UnpackOptions", num=3, axis=1),
    "unpack first": one("UNPACK", [(2, 3)], [(3,)] * 2, "UnpackOptions", num=2, axis=-2),
    "split": one("SPLIT", [[1], (1, 6, 2)], [(1, 2, 2)] * 3, "SplitOptions", numSplits=3),
    "split last": one("SPLIT", [[-1], (1, 6, 2)], [(1, 6, 1)] * 2, "SplitOptions", numSplits=2),
    "split_v": one("SPLIT_V", [(1, 6, 2), [1, 3, 2], [1]], [(1, 1, 2), (1, 3, 2), (1, 2, 2)], "SplitVOptions",
                   numSplits=3),
    "slice": one("SLICE", [(1, 5, 4, 3), [0, 1, 2, 0], [1, 3, -1, 2]], [(1, 3, 2, 2)]),
    "strided": one("STRIDED_SLICE", [(1, 5, 6, 2), [0, 1, 0, 0], [1, 5, 6, 2], [1, 2, 3, 1]], [(1, 2, 2, 2)],
                   "StridedSliceOptions", **masks()),
    "strided back": one("STRIDED_SLICE", [(1, 5, 6, 2), [0, -1, 4, 0], [1, 0, 0, 2], [1, -1, -2, 1]], [(1, 5, 2, 2)],
                        "StridedSliceOptions", **masks(end=0b0010)),
    "strided open": one("STRIDED_SLICE", [(1, 5, 6, 2), [9, 2, -4, 9], [9, 9, -1, 9], [1, 1, 1, 1]], [(1, 3, 3, 2)],
                        "StridedSliceOptions", **masks(begin=0b1001, end=0b1011)),
    "strided shrink": one("STRIDED_SLICE", [(1, 5, 6, 2), [0, -2, 0, 0], [1, 0, 6, 2], [1, 1, 1, 1]], [(1, 6, 2)],
                          "StridedSliceOptions", **masks(shrink=0b0010)),
    "gather": one("GATHER", [(1, 5, 3), [4, 0, 0, 2]], [(1, 4, 3)], "GatherOptions", axis=1, batchDims=0),
    "gather matrix": one("GATHER", [(1, 5, 3), [[2, 0], [1, 1]]], [(1, 5, 2, 2)], "GatherOptions", axis=-1),
    "transpose": one("TRANSPOSE", [(1, 3, 4, 2), [0, 3, 1, 2]], [(1, 2, 3, 4)]),
    "broadcast": one("BROADCAST_TO", [(1, 1, 3), [2, 4, 3]], [(2, 4, 3)], version=2),
    "mirror reflect": one("MIRROR_PAD", [(1, 4, 3), [[0, 0], [2, 1], [0, 2]]], [(1, 7, 5)], "MirrorPadOptions", mode=0),
    "mirror symmetric": one("MIRROR_PAD", [(1, 4, 3), [[0, 0], [2, 4], [3, 2]]], [(1, 10, 8)], "MirrorPadOptions",
                            mode=1),
    "nearest": one("RESIZE_NEAREST_NEIGHBOR", [(1, 3, 4, 2), [7, 5]], [(1, 7, 5, 2)], "ResizeNearestNeighborOptions"),
    "nearest half": one("RESIZE_NEAREST_NEIGHBOR", [(1, 3, 4, 2), [6, 9]], [(1, 6, 9, 2)],
                        "ResizeNearestNeighborOptions", halfPixelCenters=True),
    "nearest corners": one("RESIZE_NEAREST_NEIGHBOR", [(1, 3, 4, 2), [6, 9]], [(1, 6, 9, 2)],
                           "ResizeNearestNeighborOptions", alignCorners=True),
    "bilinear": one("RESIZE_BILINEAR", [(1, 3, 4, 2), [6, 8]], [(1, 6, 8, 2)], "ResizeBilinearOptions"),
    "bilinear half": one("RESIZE_BILINEAR", [(1, 3, 4, 2), [7, 8]], [(1, 7, 8, 2)], "ResizeBilinearOptions",
                         halfPixelCenters=True),
    "bilinear corners": one("RESIZE_BILINEAR", [(1, 3, 4, 2), [5, 9]], [(1, 5, 9, 2)], "ResizeBilinearOptions",
                            alignCorners=True),
    "bilinear float": one("RESIZE_BILINEAR", [(1, 3, 4, 2), [7, 8]], [(1, 7, 8, 2)], "ResizeBilinearOptions",
                          types=FLOAT32, halfPixelCenters=True),
    "matmul": one("BATCH_MATMUL", [(2, 3, 4), (2, 4, 5)], [(2, 3, 5)], "BatchMatMulOptions"),
    "matmul turned": one("BATCH_MATMUL", [(2, 4, 3), (2, 5, 4)], [(2, 3, 5)], "BatchMatMulOptions", adjX=True,
                         adjY=True),
    "depth to space": one("DEPTH_TO_SPACE", [(1, 3, 2, 12)], [(1, 6, 4, 3)], "DepthToSpaceOptions", blockSize=2),
    "space to depth": one("SPACE_TO_DEPTH", [(1, 6, 4, 3)], [(1, 3, 2, 12)], "SpaceToDepthOptions", blockSize=2),
    "space to batch": one("SPACE_TO_BATCH_ND", [(1, 4, 6, 3), [2, 3], [[0, 0], [0, 0]]], [(6, 2, 2, 3)]),
    "space to batch, one axis": one("SPACE_TO_BATCH_ND", [(2, 6, 3), [2], [[0, 0]]], [(4, 3, 3)]),
    "batch to space": one("BATCH_TO_SPACE_ND", [(6, 3, 2, 3), [2, 3], [[1, 0], [2, 1]]], [(1, 5, 3, 3)]),
    "batch to space, one axis": one("BATCH_TO_SPACE_ND", [(4, 3, 3), [2], [[0, 0]]], [(2, 6, 3)]),
    "reverse": one("REVERSE_V2", [(1, 5, 4, 3), [2]], [(1, 5, 4, 3)]),
    "sum": one("SUM", [(1, 4, 5), [1]], [(1, 5)], "ReducerOptions"),
    "max": one("REDUCE_MAX", [(1, 4, 5), [2]], [(1, 4, 1)], "ReducerOptions", keepDims=True),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_same_as_tflite_micro(name, tmp_path):
    agrees(CASES[name], tmp_path)


@pytest.mark.parametrize("padding", [0, 1], ids=["same", "valid"])
@pytest.mark.parametrize(("kernel", "stride"), [((3, 3), (2, 2)), ((2, 2), (2, 2)), ((4, 3), (2, 1)), ((3, 2), (1, 3))])
def test_transposed_convolution(kernel, stride, padding, tmp_path):
    author, rng, filters = Author(), np.random.default_rng(7), 3
    sizes = [
        size * s if padding == 0 else (size - 1) * s + k for size, s, k in zip((4, 5), stride, kernel, strict=True)
    ]
    operands = [
        author.constant([1, *sizes, filters]),
        author.constant(rng.integers(-127, 128, (filters, *kernel, 2)), INT8, scale=[0.01] * filters),
        author.input((1, 4, 5, 2), zero_point=4), author.constant(rng.integers(-500, 500, filters), scale=[0.005] * 3),
    ]  # fmt: skip
    output = author.tensor((1, *sizes, filters), name="output", scale=0.2)
    author.operator(
        "TRANSPOSE_CONV", operands, [output], "TransposeConvOptions", version=3, padding=padding, strideH=stride[0],
        strideW=stride[1],
    )  # fmt: skip
    agrees(author.outputs(output), tmp_path)
    author.subgraph.tensors[0].shape = [3]
    with pytest.raises(InputError):
        author.graph(tmp_path)


def test_flatten_as_keras_writes_it(tmp_path):
    author = Author()
    source = author.input((1, 2, 6))
    shape, batch = author.tensor((3,), INT32, name="shape"), author.tensor((), INT32, name="batch")
    wanted, output = author.tensor((2,), INT32, name="wanted"), author.tensor((1, 12), name="output")
    author.operator("SHAPE", [source], [shape], "ShapeOptions", outType=INT32)
    bounds = [author.constant([value]) for value in (0, 1, 1)]
    author.operator("STRIDED_SLICE", [shape, *bounds], [batch], "StridedSliceOptions", **masks(shrink=1))
    author.operator("PACK", [batch, author.constant(12)], [wanted], "PackOptions", valuesCount=2)
    author.operator("RESHAPE", [source, wanted], [output], "ReshapeOptions")
    graph = agrees(author.outputs(output), tmp_path)
    assert [node.op.kind for node in graph.nodes] == ["reshape"]


@pytest.mark.parametrize("kind", [INT32, INT64])
@pytest.mark.parametrize("code", ["ARG_MAX", "ARG_MIN"])
def test_positions(code, kind, tmp_path):
    author = Author()
    source, output = author.input((1, 3, 7), scale=0.1), author.tensor((1, 3), INT32, name="output")
    author.operator(
        code, [source, author.constant(-1)], [output], f"{code.title().replace('_', '')}Options", outputType=kind
    )
    if kind == INT32:
        agrees(author.outputs(output), tmp_path)
    else:
        with pytest.raises(InputError, match="declares output type number 4, it has int32"):
            author.outputs(output).graph(tmp_path)


@pytest.mark.parametrize(
    ("author", "message"),
    [
        (one("CONCATENATION", [(1, 2)] * 2, [(1, 4)], "ConcatenationOptions", axis=2), "has axes"),
        (one("CONCATENATION", [(1, 2)] * 2, [(1, 4)], "ConcatenationOptions", axis=1, fusedActivationFunction=1),
         "fused activation"),
        (one("DEPTH_TO_SPACE", [(1, 3, 2, 6)], [(1, 6, 4, 1)], "DepthToSpaceOptions", blockSize=2), "6 channels"),
        (one("SPACE_TO_DEPTH", [(1, 5, 4, 3)], [(1, 2, 2, 12)], "SpaceToDepthOptions", blockSize=2), "5 x 4 pixels"),
        (one("SPACE_TO_DEPTH", [(1, 4, 4, 3)], [(1, 2, 2, 12)], "SpaceToDepthOptions", blockSize=-2), "blocks of -2"),
        (one("SPACE_TO_BATCH_ND", [(1, 3, 2, 1), [2, 2], [[1, 0], [0, 0]]], [(4, 2, 1, 1)]), "whatever is in memory"),
        (one("SPACE_TO_BATCH_ND", [(1, 3, 2, 1), [2, 2], [[0, 0], [0, 0]]], [(4, 1, 1, 1)]), "3, 2. pixels"),
        (one("SPACE_TO_BATCH_ND", [(1, 3, 2, 1), [0, 2], [[0, 0], [0, 0]]], [(4, 1, 1, 1)]), "has blocks"),
        (one("BATCH_TO_SPACE_ND", [(4, 1, 1, 1), [2, 2], [[1, 1], [0, 0]]], [(1, 1, 2, 1)]), "off"),
        (one("BATCH_TO_SPACE_ND", [(3, 1, 1, 1), [2, 2], [[0, 0], [0, 0]]], [(1, 2, 2, 1)]), "a batch of 3"),
        (one("BATCH_TO_SPACE_ND", [(4, 1, 1, 1), [2], [[0, 0]]], [(2, 2, 1, 1)]), "block sizes"),
        (one("REVERSE_V2", [(1, 3), [2]], [(1, 3)]), "has axes"),
        (one("PACK", [(2, 3)] * 2, [(2, 2, 3)], "PackOptions", valuesCount=3, axis=1), "declares 3"),
        (one("UNPACK", [(2, 3)], [(2,)] * 2, "UnpackOptions", num=3, axis=1), "has 2 outputs, declares 3"),
        (one("SPLIT", [[1], (1, 6, 2)], [(1, 2, 2)] * 3, "SplitOptions", numSplits=2), "into 2, has 3 outputs"),
        (one("SPLIT", [[1, 2], (1, 6, 2)], [(1, 2, 2)] * 3, "SplitOptions", numSplits=3), "one is needed"),
        (one("SPLIT_V", [(1, 6), [1, 3], [1]], [(1, 1), (1, 5)], "SplitVOptions", numSplits=3), "declares 3"),
        (one("SPLIT_V", [(1, 6), [1, 3], [1]], [(1, 1), (1, 3)], "SplitVOptions", numSplits=2), "do not make up"),
        (one("SLICE", [(1, 5), [0, 4], [1, 3]], [(1, 3)]), "leave an axis"),
        (one("SLICE", [(1, 5), [0], [1]], [(1, 3)]), "for 2 axes"),
        (one("STRIDED_SLICE", [(5,), [0], [5], [0]], [(5,)], "StridedSliceOptions", **masks()), "unsuitable bounds"),
        (one("STRIDED_SLICE", [(5,), [3], [3], [1]], [(5,)], "StridedSliceOptions", **masks()), "takes nothing"),
        (one("STRIDED_SLICE", [(5,), [7], [8], [1]], [()], "StridedSliceOptions", **masks(shrink=1)), "takes nothing"),
        (one("STRIDED_SLICE", [(5,), [0], [5], [1]], [(1, 5)], "StridedSliceOptions", **masks(new_axis=1)), "new axis"),
        (one("STRIDED_SLICE", [(5,), [0], [4], [1]], [(5,)], "StridedSliceOptions", **masks()), r"computes \[4\]"),
        (one("GATHER", [(1, 5, 3), [4]], [(1, 1, 3)], "GatherOptions", axis=1, batchDims=1), "batch axes"),
        (one("MIRROR_PAD", [(1, 4), [[0, 0], [4, 0]]], [(1, 8)], "MirrorPadOptions", mode=0), "reaches beyond"),
        (one("MIRROR_PAD", [(1, 4), [[0, 0], [1, 0]]], [(1, 5)], "MirrorPadOptions", mode=2), "neither REFLECT"),
        (one("RESIZE_BILINEAR", [(1, 3, 4, 2), [6]], [(1, 6, 8, 2)], "ResizeBilinearOptions"), "two are needed"),
        (one("RESIZE_BILINEAR", [(1, 3, 4, 2), [6, 8]], [(1, 6, 8, 2)], "ResizeBilinearOptions", alignCorners=True,
             halfPixelCenters=True), "at once"),
        (one("BATCH_MATMUL", [(2, 3, 4), (2, 5, 4)], [(2, 3, 5)], "BatchMatMulOptions"), "inner sizes"),
    ],
)  # fmt: skip
def test_refused(author, message, tmp_path):
    with pytest.raises(TinyMLError, match=message) as caught:
        author.graph(tmp_path)
    assert isinstance(caught.value, InputError | UnsupportedError)
