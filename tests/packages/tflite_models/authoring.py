"""Small TensorFlow Lite files made by hand: one tensor table, one operator table, everything open to change."""

from pathlib import Path

import flatbuffers
import numpy as np

from tflite_models.writer import runtime, schema
from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType
from tinyml_plugins.importers.tflite.importer import TfliteImporter

FLOAT32, FLOAT16, INT32, UINT8, INT64, BOOL, INT16, INT8, INT4 = 0, 1, 2, 3, 4, 6, 7, 9, 17
DTYPES = {FLOAT32: np.float32, INT32: np.int32, UINT8: np.uint8, INT64: np.int64, INT16: np.int16, INT8: np.int8}


class Author:
    """A model under construction; every record is open to be changed before :meth:`file`."""

    def __init__(self):
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.operatorCodes, self.model.buffers = [], [schema.BufferT()]
        self.subgraph = schema.SubGraphT()
        self.subgraph.tensors, self.subgraph.operators = [], []
        self.subgraph.inputs, self.subgraph.outputs = [], []
        self.model.subgraphs = [self.subgraph]

    def tensor(self, shape, kind=INT8, *, name="t", scale=None, zero_point=0, axis=0, data=None):
        record = schema.TensorT()
        record.name, record.shape, record.type, record.buffer = name.encode(), list(shape), kind, 0
        if kind in (INT8, UINT8, INT16) and scale is None:
            scale = 0.5
        if scale is not None:
            record.quantization = schema.QuantizationParametersT()
            record.quantization.scale = np.atleast_1d(np.array(scale, np.float32))
            points = np.atleast_1d(np.array(zero_point, np.int64))
            record.quantization.zeroPoint = np.broadcast_to(points, record.quantization.scale.shape).copy()
            record.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            raw = data if isinstance(data, bytes) else np.asarray(data, DTYPES[kind]).tobytes()
            buffer.data = np.frombuffer(raw, np.uint8)
            self.model.buffers.append(buffer)
            record.buffer = len(self.model.buffers) - 1
        self.subgraph.tensors.append(record)
        return len(self.subgraph.tensors) - 1

    def input(self, shape, kind=INT8, *, name="input", **options):
        self.subgraph.inputs.append(self.tensor(shape, kind, name=name, **options))
        return self.subgraph.inputs[-1]

    def constant(self, data, kind=INT32, **options):
        data = np.asarray(data, DTYPES[kind])
        return self.tensor(data.shape, kind, name="constant", data=data, **options)

    def operator(self, code, inputs, outputs, kind="NONE", *, version=1, **options):
        record = schema.OperatorCodeT()
        record.builtinCode = code if isinstance(code, int) else getattr(schema.BuiltinOperator, code)
        record.deprecatedBuiltinCode, record.version = min(record.builtinCode, 127), version
        self.model.operatorCodes.append(record)
        record = schema.OperatorT()
        record.opcodeIndex, record.inputs, record.outputs = len(self.model.operatorCodes) - 1, inputs, outputs
        if kind != "NONE":
            record.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            record.builtinOptions = getattr(schema, f"{kind}T")()
            for name, value in options.items():
                assert hasattr(record.builtinOptions, name), name
                setattr(record.builtinOptions, name, value)
        self.subgraph.operators.append(record)
        return record

    def outputs(self, *indices):
        self.subgraph.outputs = list(indices)
        return self

    def file(self):
        builder = flatbuffers.Builder(1 << 12)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def graph(self, folder, **options):
        """What the importer makes of it."""
        return read(self.file(), folder, **options)

    def interpreter(self):
        return runtime.Interpreter.from_bytes(self.file(), arena_size=1 << 20)


def read(data: bytes, folder: Path, **options):
    """Import the bytes of a file."""
    path = folder / "model.tflite"
    path.write_bytes(data)
    return TfliteImporter(**options).read(path)


def convolution(
    author=None, *, image=(1, 5, 5, 2), kernel=(3, 3), filters=4, stride=(1, 1), dilation=(1, 1), **options
):
    """A one-layer network with random weights; returns the author and the operator."""
    author, rng = Author(), np.random.default_rng(0)
    source = author.input(image)
    weights = author.constant(rng.integers(-127, 128, (filters, *kernel, image[3])), INT8, scale=[0.01] * filters)
    bias = author.constant(rng.integers(-500, 500, filters), scale=[0.005] * filters)
    padding = options.setdefault("padding", 0)
    sizes = []
    for size, taps, step, spread in zip(image[1:3], kernel, stride, dilation, strict=True):
        reach = (taps - 1) * spread + 1
        sizes.append(-(-size // step) if padding == 0 else (size - reach) // step + 1)
    output = author.tensor((image[0], *sizes, filters), name="output", scale=0.3, zero_point=3)
    operator = author.operator(
        "CONV_2D", [source, weights, bias], [output], "Conv2DOptions", version=3, strideH=stride[0], strideW=stride[1],
        dilationHFactor=dilation[0], dilationWFactor=dilation[1], **options,
    )  # fmt: skip
    return author.outputs(output), operator


def agrees(author, folder):
    """Whether importer and executor compute what TensorFlow Lite Micro does; returns the graph."""
    rng = np.random.default_rng(5)
    graph = author.graph(folder)
    interpreter = author.interpreter()
    for _ in range(3):
        values = {}
        for index, name in enumerate(graph.inputs):
            tensor = graph.tensors[name]
            if tensor.dtype is DType.FLOAT32:
                values[name] = rng.normal(0, 1, tensor.shape).astype(np.float32)
            else:
                values[name] = rng.integers(-128, 128, tensor.shape).astype(tensor.dtype.numpy)
            interpreter.set_input(values[name], index)
        interpreter.invoke()
        got = execute(graph, values)
        for index, name in enumerate(graph.outputs):
            expected = interpreter.get_output(index)
            if expected.dtype == np.float32:
                np.testing.assert_allclose(got[name], expected, rtol=1e-5, atol=1e-5)
            else:
                np.testing.assert_array_equal(got[name], expected)
    return graph
