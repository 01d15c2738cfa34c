"""Writes graphs as TensorFlow Lite files, so that TensorFlow Lite Micro can execute them too."""

import math

import flatbuffers
import numpy as np
import pytest

from tinyml_core.graph import DType, Graph
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    RELU6,
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Reshape,
    Softmax,
)

runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
schema = pytest.importorskip("tflite_micro.tensorflow.lite.micro.python.schema_py_generated")


class NotExpressible(Exception):
    """TensorFlow Lite has no operator for this."""


ACTIVATIONS = {IDENTITY: 0, RELU: 1, (-1.0, 1.0): 2, RELU6: 3}
TYPES = {DType.FLOAT32: 0, DType.INT32: 2, DType.INT8: 9}
SAME, VALID = 0, 1


def to_tflite(graph: Graph) -> bytes:
    """The graph as a file; raises NotExpressible."""
    return _Writer(graph).file()


class _Writer:
    def __init__(self, graph):
        self.graph = graph
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.operatorCodes, self.codes = [], {}
        self.model.buffers = [schema.BufferT()]
        self.subgraph = schema.SubGraphT()
        self.subgraph.tensors, self.subgraph.operators = [], []
        self.model.subgraphs = [self.subgraph]
        self.index = {}

    def file(self):
        for tensor in self.graph.tensors.values():
            self.index[tensor.name] = self.tensor(tensor.shape, tensor.dtype, tensor.quantization, tensor.data)
        for node in self.graph.nodes:
            self.node(node)
        self.subgraph.inputs = [self.index[name] for name in self.graph.inputs]
        self.subgraph.outputs = [self.index[name] for name in self.graph.outputs]
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def tensor(self, shape, dtype, quantization=None, data=None):
        record = schema.TensorT()
        record.name, record.shape, record.type, record.buffer = b"t", list(shape), TYPES[dtype], 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            record.buffer = len(self.model.buffers) - 1
        if quantization is not None:
            record.quantization = schema.QuantizationParametersT()
            record.quantization.scale = np.array(quantization.scale, np.float32)
            record.quantization.zeroPoint = np.array(quantization.zero_point, np.int64)
            record.quantization.quantizedDimension = quantization.axis or 0
        self.subgraph.tensors.append(record)
        return len(self.subgraph.tensors) - 1

    def constant(self, values):
        data = np.array(values, np.int32)
        return self.tensor(data.shape, DType.INT32, data=data)

    def operator(self, code, inputs, outputs, options=None, options_type="NONE"):
        if code not in self.codes:
            record = schema.OperatorCodeT()
            record.builtinCode = getattr(schema.BuiltinOperator, code)
            record.deprecatedBuiltinCode = min(record.builtinCode, 127)
            record.version = 1
            self.codes[code] = len(self.model.operatorCodes)
            self.model.operatorCodes.append(record)
        record = schema.OperatorT()
        record.opcodeIndex, record.inputs, record.outputs = self.codes[code], inputs, outputs
        record.builtinOptionsType = getattr(schema.BuiltinOptions, options_type)
        record.builtinOptions = options
        self.subgraph.operators.append(record)

    def node(self, node):
        op = node.op
        inputs = [self.index[name] for name in node.inputs]
        outputs = [self.index[name] for name in node.outputs]
        source, target = self.graph.inputs_of(node)[0], self.graph.outputs_of(node)[0]
        match op:
            case Conv2D() | DepthwiseConv2D():
                weights = self.graph.inputs_of(node)[1]
                inputs[0], padding = self.padded(inputs[0], source, op, weights.shape[1:3])
                depthwise = isinstance(op, DepthwiseConv2D)
                options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
                options.strideH, options.strideW = op.stride
                options.dilationHFactor, options.dilationWFactor = op.dilation
                options.padding, options.fusedActivationFunction = padding, activation(op)
                if depthwise:
                    options.depthMultiplier = weights.shape[3] // source.shape[3]
                if depthwise:  # without bias it takes two inputs, where the others want three
                    self.operator("DEPTHWISE_CONV_2D", inputs, outputs, options, "DepthwiseConv2DOptions")
                else:
                    self.operator("CONV_2D", with_bias(inputs), outputs, options, "Conv2DOptions")
            case FullyConnected():
                options = schema.FullyConnectedOptionsT()
                options.fusedActivationFunction = activation(op)
                self.operator("FULLY_CONNECTED", with_bias(inputs), outputs, options, "FullyConnectedOptions")
            case AveragePool2D() | MaxPool2D():
                options = schema.Pool2DOptionsT()
                options.strideH, options.strideW = op.stride
                options.filterHeight, options.filterWidth = op.kernel
                options.padding = implied_padding(source, op, op.kernel)
                options.fusedActivationFunction = activation(op)
                if options.padding is None:
                    raise NotExpressible("pooling with explicit padding")
                code = "AVERAGE_POOL_2D" if isinstance(op, AveragePool2D) else "MAX_POOL_2D"
                self.operator(code, inputs, outputs, options, "Pool2DOptions")
            case Add():
                options = schema.AddOptionsT()
                options.fusedActivationFunction = activation(op)
                self.operator("ADD", inputs, outputs, options, "AddOptions")
            case Mean():
                options = schema.ReducerOptionsT()
                options.keepDims = op.keep_axes
                self.operator("MEAN", [*inputs, self.constant(op.axes)], outputs, options, "ReducerOptions")
            case Softmax():
                options = schema.SoftmaxOptionsT()
                options.beta = op.beta
                self.operator("SOFTMAX", inputs, outputs, options, "SoftmaxOptions")
            case Pad():
                if len(op.padding) > 4 or (op.mode, op.value) != ("constant", 0.0):
                    raise NotExpressible(f"{op}")
                self.operator("PAD", [*inputs, self.constant(op.padding)], outputs, schema.PadOptionsT(), "PadOptions")
            case Reshape():
                options = schema.ReshapeOptionsT()
                options.newShape = list(op.shape)
                self.operator("RESHAPE", [*inputs, self.constant(op.shape)], outputs, options, "ReshapeOptions")
            case Clamp() if op.activation == RELU:
                self.operator("RELU", inputs, outputs)
            case Clamp() if op.activation == RELU6 and source.quantization == target.quantization:
                self.operator("RELU6", inputs, outputs)
            case Quantize():
                self.operator("QUANTIZE", inputs, outputs, schema.QuantizeOptionsT(), "QuantizeOptions")
            case Dequantize():
                self.operator("DEQUANTIZE", inputs, outputs, schema.DequantizeOptionsT(), "DequantizeOptions")
            case _:
                raise NotExpressible(f"{op}")

    def padded(self, index, source, op, kernel):
        """The input and the padding of a convolution; explicit padding becomes an operator of its own."""
        implied = implied_padding(source, op, kernel)
        if implied is not None:
            return index, implied
        top, bottom, left, right = op.padding
        around = ((0, 0), (top, bottom), (left, right), (0, 0))
        shape = [size + sum(pair) for size, pair in zip(source.shape, around, strict=True)]
        padded = self.tensor(shape, source.dtype, source.quantization)
        self.operator("PAD", [index, self.constant(around)], [padded], schema.PadOptionsT(), "PadOptions")
        return padded, VALID


def with_bias(inputs):
    return inputs if len(inputs) == 3 else [*inputs, -1]


def activation(op):
    if op.activation not in ACTIVATIONS:
        raise NotExpressible(f"activation {op.activation}")
    return ACTIVATIONS[op.activation]


def implied_padding(source, op, kernel):
    """SAME or VALID where one of them means the padding of ``op``, else None."""
    same = []
    for size, taps, stride, dilation in zip(source.shape[1:3], kernel, op.stride, op.dilation, strict=True):
        total = max((math.ceil(size / stride) - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
        same += [total // 2, total - total // 2]
    if op.padding == (0, 0, 0, 0):
        return VALID
    return SAME if op.padding == tuple(same) else None
