"""Files that nobody vouches for: refused in one sentence or imported whole, never anything else, and soon."""

import contextlib
import copy
import struct
import time

import flatbuffers
import numpy as np
import pytest

from tflite_models.authoring import FLOAT32, INT4, INT8, Author, convolution, read
from tflite_models.writer import NotExpressible, schema, to_tflite
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import InputError, TinyMLError, UnsupportedError
from tinyml_core.graph import Rounding
from tinyml_core.graph.verify import verify
from tinyml_core.testing.random_graphs import choose_from, random_graph
from tinyml_plugins.importers.tflite import importer

SECONDS = 5
"""Longest that any file may take."""
EXTREMES = (-(2**31), -1000, -2, -1, 0, 1, 3, 127, 1000, 2**16, 2**31 - 1)
MAGIC = tuple(struct.pack("<I", word % 2**32) for word in (*EXTREMES, 2**31, 2**32 - 4, 0x7FC00000, 0x7F800000))


def outcome(data, folder):
    """Whether a file is accepted; an accepted one keeps every rule and computes, or says by name what it cannot."""
    start, graph, refusal = time.process_time(), None, ""
    try:
        graph = read(data, folder)
    except TinyMLError as error:
        refusal = str(error)
    assert time.process_time() - start < SECONDS
    if graph is None:
        assert refusal.startswith(str(folder / "model.tflite"))
        assert "\n" not in refusal
        return False
    verify(graph)
    if graph.macs < 1 << 20 and sum(tensor.elements for tensor in graph.tensors.values()) < 1 << 20:
        tensors = [graph.tensors[name] for name in graph.inputs]
        with contextlib.suppress(TinyMLError):
            execute(graph, {tensor.name: np.zeros(tensor.shape, tensor.dtype.numpy) for tensor in tensors})
    return True


@pytest.fixture(scope="module")
def files():
    """A few small networks that import as they are."""
    found = [convolution()[0].file()]
    for seed in range(100):
        try:
            found.append(to_tflite(random_graph(choose_from(np.random.default_rng(seed)), roundings=[Rounding.TFLITE])))
        except NotExpressible:
            continue
        if len(found) == 5:
            break
    return found


def test_the_files_themselves_are_accepted(files, tmp_path):
    assert all(outcome(file, tmp_path) for file in files)


def test_truncated(files, tmp_path):
    for file in files:
        for length in {*range(0, 64, 3), *np.linspace(64, len(file) - 1, 20, dtype=int).tolist()}:
            outcome(file[:length], tmp_path)
    assert not outcome(files[0][: len(files[0]) // 2], tmp_path)


def test_flipped_bytes_and_magic_words(files, tmp_path):
    rng, accepted = np.random.default_rng(1), 0
    for index in range(1200):
        data = bytearray(files[index % len(files)])
        for _ in range(int(rng.integers(1, 4))):
            position = int(rng.integers(len(data) - 4))
            if index % 2:
                data[position] ^= 1 << int(rng.integers(8))
            else:
                position -= position % 4
                data[position : position + 4] = MAGIC[int(rng.integers(len(MAGIC)))]
        accepted += outcome(bytes(data), tmp_path)
    assert 0 < accepted < 1200


def test_swapped_blocks(files, tmp_path):
    rng = np.random.default_rng(2)
    for index in range(100):
        data = bytearray(files[index % len(files)])
        first, second = (int(start) for start in rng.integers(0, len(data) - 16, 2))
        data[first : first + 16], data[second : second + 16] = data[second : second + 16], data[first : first + 16]
        outcome(bytes(data), tmp_path)


def pick(rng, options):
    return options[int(rng.integers(len(options)))]


def change_index(model, rng):
    operator = pick(rng, model.subgraphs[0].operators)
    indices = list(pick(rng, [operator.inputs, operator.outputs]))
    indices[int(rng.integers(len(indices)))] = pick(rng, EXTREMES)
    setattr(operator, pick(rng, ["inputs", "outputs"]), np.array(indices, np.int32))


def change_border(model, rng):
    setattr(model.subgraphs[0], pick(rng, ["inputs", "outputs"]), np.array([pick(rng, EXTREMES)], np.int32))


def change_shape(model, rng):
    tensor = pick(rng, model.subgraphs[0].tensors)
    shape = list(tensor.shape if tensor.shape is not None else []) or [1]
    shape[int(rng.integers(len(shape)))] = pick(rng, EXTREMES)
    tensor.shape = np.array(pick(rng, [shape, shape * 3, []]), np.int32)


def change_scale(model, rng):
    tensor = pick(rng, [each for each in model.subgraphs[0].tensors if each.quantization is not None])
    scales = np.array(tensor.quantization.scale, np.float32)
    scales[int(rng.integers(len(scales)))] = pick(rng, [0, -1, np.nan, np.inf, 1e-45, 3e38])
    tensor.quantization.scale = pick(rng, [scales, scales, scales[:-1], np.repeat(scales, 2)])


def change_zero_point(model, rng):
    tensor = pick(rng, [each for each in model.subgraphs[0].tensors if each.quantization is not None])
    points = np.array(tensor.quantization.zeroPoint, np.int64)
    points[int(rng.integers(len(points)))] = pick(rng, [-(2**63), 2**63 - 1, 200, 1])
    tensor.quantization.zeroPoint = pick(rng, [points, points[:0]])


def change_type(model, rng):
    pick(rng, model.subgraphs[0].tensors).type = int(rng.integers(-5, 30))


def change_quantisation(model, rng):
    tensor = pick(rng, model.subgraphs[0].tensors)
    if tensor.quantization is not None and rng.integers(2):
        tensor.quantization.quantizedDimension = pick(rng, EXTREMES)
    else:
        tensor.quantization = None


def change_code(model, rng):
    record = pick(rng, model.operatorCodes)
    setattr(record, pick(rng, ["builtinCode", "version"]), pick(rng, [*EXTREMES, *range(150)]))


def change_operator(model, rng):
    operator = pick(rng, model.subgraphs[0].operators)
    operator.opcodeIndex = pick(rng, [0, 1, 5, 2**32 - 1])


def change_options(model, rng):
    operator = pick(rng, model.subgraphs[0].operators)
    options = {} if operator.builtinOptions is None else vars(operator.builtinOptions)
    plain = [name for name, value in options.items() if isinstance(value, int)]
    if plain and rng.integers(4):
        name = pick(rng, plain)
        kind = type(getattr(operator.builtinOptions, name))
        setattr(operator.builtinOptions, name, kind(pick(rng, [-1, 0, 1, 2, 7, 100, 127])))
    else:
        operator.builtinOptions, operator.builtinOptionsType = None, int(rng.integers(0, 40))


def change_buffer(model, rng):
    pick(rng, model.subgraphs[0].tensors).buffer = pick(rng, [0, 1, 2, 3, 1000, 2**32 - 1])


def shorten_buffer(model, rng):
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) and rng.integers(2):
            buffer.data = buffer.data[: int(rng.integers(len(buffer.data)))]


def repeat_operator(model, rng):
    operators = model.subgraphs[0].operators
    operators.insert(int(rng.integers(len(operators) + 1)), pick(rng, operators))


MUTATORS = (
    change_index, change_border, change_shape, change_scale, change_zero_point, change_type, change_quantisation,
    change_code, change_operator, change_options, change_buffer, shorten_buffer, repeat_operator,
)  # fmt: skip


@pytest.mark.parametrize("mutate", MUTATORS, ids=lambda mutate: mutate.__name__)
def test_structured(files, tmp_path, mutate):
    rng = np.random.default_rng(3)
    models = [schema.ModelT.InitFromPackedBuf(file, 0) for file in files]
    refused = 0
    for index in range(100):
        model = copy.deepcopy(models[index % len(models)])
        mutate(model, rng)
        builder = flatbuffers.Builder(1 << 12)
        builder.Finish(model.Pack(builder), b"TFL3")
        refused += not outcome(bytes(builder.Output()), tmp_path)
    assert refused > 0


def test_eight_byte_file(tmp_path):
    # tensorflow#115308
    with pytest.raises(InputError, match="damaged"):
        read(bytes.fromhex("1800000054464c33"), tmp_path)


@pytest.mark.parametrize("data", [b"", b"TFL3", b"PK\x03\x04" + bytes(60), bytes(100), b"\x08\0\0\0ONNX" + bytes(40)])
def test_other_files(data, tmp_path):
    with pytest.raises(InputError, match="no TensorFlow Lite file"):
        read(data, tmp_path)


@pytest.mark.parametrize("offset", [0, 1, 4, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000])
def test_root_offsets_that_lead_astray_or_in_circles(offset, tmp_path):
    with pytest.raises(InputError):
        read(struct.pack("<I", offset) + b"TFL3" + bytes(64), tmp_path)


def test_tables_that_contain_themselves_are_read_no_deeper_than_the_schema(tmp_path):
    # Every field of the one table leads back to it, or into it.
    vtable = struct.pack("<HH" + "H" * 8, 20, 36, *range(4, 36, 4))
    table = struct.pack("<i", 20) + struct.pack("<I", 3) + struct.pack("<7i", *[-4 * (slot + 2) for slot in range(7)])
    data = struct.pack("<I", 28) + b"TFL3" + vtable + table
    assert not outcome(data, tmp_path)


def test_shared_offsets_do_not_multiply_work(tmp_path):
    builder = flatbuffers.Builder(1 << 16)
    shape = builder.CreateNumpyVector(np.ones(1000, np.int32))
    schema.TensorStart(builder)
    schema.TensorAddShape(builder, shape)
    tensor = schema.TensorEnd(builder)
    count = 100_000
    schema.SubGraphStartTensorsVector(builder, count)
    for _ in range(count):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    subgraph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(subgraph)
    subgraphs = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddVersion(builder, 3)
    schema.ModelAddSubgraphs(builder, subgraphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    start = time.process_time()
    with pytest.raises(InputError, match="claims more than"):
        read(bytes(builder.Output()), tmp_path)
    assert time.process_time() - start < SECONDS


def test_constants_that_share_a_buffer_are_counted(tmp_path, monkeypatch):
    author, _ = convolution()
    monkeypatch.setattr(importer, "LARGEST_CONSTANTS", 75)
    with pytest.raises(InputError, match="bytes of constants"):
        author.graph(tmp_path)


def test_large_file(tmp_path, monkeypatch):
    data = convolution()[0].file()
    monkeypatch.setattr(importer, "LARGEST_FILE", len(data))
    assert outcome(data, tmp_path)
    monkeypatch.setattr(importer, "LARGEST_FILE", len(data) - 1)
    with pytest.raises(InputError, match="larger than"):
        read(data, tmp_path)


def test_what_is_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "absent.tflite"):
        with pytest.raises(InputError, match="no file"):
            importer.TfliteImporter().read(path)


@pytest.mark.parametrize(
    "shape", [(2**31 - 1, 2), (2**31 - 1,) * 4, (65536, 65536), (2**16, 2**16, 2**16, 2**16), (1 << 30, 4)]
)
def test_sizes_that_overflow(shape, tmp_path):
    author = Author()
    source, output = author.input(shape), author.tensor(shape)
    author.operator("RELU", [source], [output])
    with pytest.raises(InputError, match="limit"):
        author.outputs(output).graph(tmp_path)


@pytest.mark.parametrize("index", [-2, -1, 3, 2**31 - 1])
def test_indices_outside_the_tables(index, tmp_path):
    author, operator = convolution()
    operator.inputs = [operator.inputs[0], index, operator.inputs[2]]
    if index == 3:
        author.subgraph.tensors.pop()
        author.subgraph.outputs = [2]
        operator.outputs = [2]
    with pytest.raises(InputError, match=r"refers to tensor|lacks input"):
        author.graph(tmp_path)


@pytest.mark.parametrize("field", ["strideH", "strideW", "dilationHFactor", "dilationWFactor"])
@pytest.mark.parametrize("value", [0, -1, -(2**31)])
def test_divisions_by_zero(field, value, tmp_path):
    author, operator = convolution()
    setattr(operator.builtinOptions, field, value)
    with pytest.raises(InputError, match="all start at 1"):
        author.graph(tmp_path)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scales_that_are_no_scales(scale, tmp_path):
    author, _ = convolution()
    author.subgraph.tensors[0].quantization.scale = np.array([scale], np.float32)
    with pytest.raises(InputError, match="positive finite"):
        author.graph(tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("image */ // \\", "image */ // \\"),
        ("a\nb\x1b[31m\0c\u202ed", "a\ufffdb\ufffd[31m\ufffdc\ufffdd"),
        ("", "tensor_0"),
        ("x" * 100_000, "x" * 200),
    ],
)
def test_names_are_printable_and_short(name, expected, tmp_path):
    author, _ = convolution()
    author.subgraph.tensors[0].name = name.encode()
    assert author.graph(tmp_path).inputs == (expected,)


def test_colliding_names_stay_apart(tmp_path):
    author, _ = convolution()
    for tensor in author.subgraph.tensors:
        tensor.name = b"t"
    graph = author.graph(tmp_path)
    assert len(graph.tensors) == 4
    assert graph.inputs == ("t",)


def test_types_narrower_than_a_byte_are_refused(tmp_path):
    author, _ = convolution()
    author.subgraph.tensors[1].type = INT4
    with pytest.raises(UnsupportedError, match=r"tensor 1 .*INT4"):
        author.graph(tmp_path)


def test_a_constant_may_not_be_an_input_or_be_computed(tmp_path):
    author, _ = convolution()
    author.subgraph.inputs = [1]
    with pytest.raises(InputError):
        author.graph(tmp_path)
    author = Author()
    source, output = author.input((1, 2), FLOAT32), author.tensor((1, 2), FLOAT32, data=np.zeros(2))
    author.operator("RELU", [source], [output])
    with pytest.raises(InputError, match="has a value already"):
        author.outputs(output).graph(tmp_path)


def test_cyclic_operators(tmp_path):
    author = Author()
    first, second = author.tensor((1, 2), INT8), author.tensor((1, 2), INT8)
    author.operator("RELU", [first], [second])
    author.operator("RELU", [second], [first])
    with pytest.raises(InputError, match="before it is computed"):
        author.outputs(first).graph(tmp_path)
