"""Writes graphs as TensorFlow Lite files, so that TensorFlow Lite Micro can execute them too."""

import math

import flatbuffers
import numpy as np
import pytest

from tinyml_core.arithmetic.lowering.requantisation import quantised
from tinyml_core.graph import DType, Graph
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    RELU6,
    Add,
    ArgReduce,
    AveragePool2D,
    Binary,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    Expand,
    FullyConnected,
    Gather,
    L2Norm,
    LogSoftmax,
    MatMul,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Reduce,
    Reshape,
    Resize,
    Select,
    Slice,
    Softmax,
    Split,
    Transpose,
    TransposeConv2D,
    Unary,
)

runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
schema = pytest.importorskip("tflite_micro.tensorflow.lite.micro.python.schema_py_generated")


class NotExpressible(Exception):
    """TensorFlow Lite has no operator for this."""


ACTIVATIONS = {IDENTITY: 0, RELU: 1, (-1.0, 1.0): 2, RELU6: 3}
TYPES = {DType.FLOAT32: 0, DType.INT32: 2, DType.INT64: 4, DType.BOOL: 6, DType.INT16: 7, DType.INT8: 9}
SAME, VALID = 0, 1
UNARY = {
    "abs": ("ABS", "AbsOptions"),
    "elu": ("ELU", None),
    "hard_swish": ("HARD_SWISH", "HardSwishOptions"),
    "leaky_relu": ("LEAKY_RELU", "LeakyReluOptions"),
    "rsqrt": ("RSQRT", None),
    "sigmoid": ("LOGISTIC", None),
    "tanh": ("TANH", None),
}
BINARY = {
    "divide": ("DIV", "DivOptions"),
    "equal": ("EQUAL", "EqualOptions"),
    "greater": ("GREATER", "GreaterOptions"),
    "greater_equal": ("GREATER_EQUAL", "GreaterEqualOptions"),
    "less": ("LESS", "LessOptions"),
    "less_equal": ("LESS_EQUAL", "LessEqualOptions"),
    "maximum": ("MAXIMUM", "MaximumMinimumOptions"),
    "minimum": ("MINIMUM", "MaximumMinimumOptions"),
    "multiply": ("MUL", "MulOptions"),
    "not_equal": ("NOT_EQUAL", "NotEqualOptions"),
    "prelu": ("PRELU", None),
    "squared_difference": ("SQUARED_DIFFERENCE", "SquaredDifferenceOptions"),
    "subtract": ("SUB", "SubOptions"),
}
"""Operators that TensorFlow Lite Micro has int8 kernels for, with their options."""


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
            case Unary() if op.function in UNARY and not (op.function == "elu" and op.alpha != 1.0):
                options = self.options(UNARY[op.function][1])
                if op.function == "leaky_relu":
                    options.alpha = op.alpha
                self.operator(UNARY[op.function][0], inputs, outputs, options, UNARY[op.function][1] or "NONE")
            case Binary() if op.function in BINARY:
                options = self.options(BINARY[op.function][1])
                if hasattr(options, "fusedActivationFunction"):
                    options.fusedActivationFunction = activation(op)
                elif activation(op) != 0:
                    raise NotExpressible(f"{op}")
                self.operator(BINARY[op.function][0], inputs, outputs, options, BINARY[op.function][1] or "NONE")
            case Select():
                self.operator("SELECT_V2", inputs, outputs, schema.SelectV2OptionsT(), "SelectV2Options")
            case Reduce() if op.function in ("sum", "max", "min"):
                options = schema.ReducerOptionsT()
                options.keepDims = op.keep_axes
                code = "SUM" if op.function == "sum" else f"REDUCE_{op.function.upper()}"
                self.operator(code, [*inputs, self.constant(op.axes)], outputs, options, "ReducerOptions")
            case ArgReduce() if not op.last and not op.keep_axes:
                options = schema.ArgMinOptionsT() if op.least else schema.ArgMaxOptionsT()
                options.outputType = TYPES[target.dtype]
                axis = self.constant([op.axis])
                if op.least:
                    self.operator("ARG_MIN", [*inputs, axis], outputs, options, "ArgMinOptions")
                else:
                    self.operator("ARG_MAX", [*inputs, axis], outputs, options, "ArgMaxOptions")
            case L2Norm():
                self.operator("L2_NORMALIZATION", inputs, outputs, schema.L2NormOptionsT(), "L2NormOptions")
            case LogSoftmax():
                self.operator("LOG_SOFTMAX", inputs, outputs, schema.LogSoftmaxOptionsT(), "LogSoftmaxOptions")
            case Softmax():
                options = schema.SoftmaxOptionsT()
                options.beta = op.beta
                self.operator("SOFTMAX", inputs, outputs, options, "SoftmaxOptions")
            case Transpose() | Concat() | Split() | Slice() | Gather() | Expand() | Resize():
                self.arrangement(op, inputs, outputs)
            case Pad() if op.mode in ("reflect", "symmetric"):
                options = schema.MirrorPadOptionsT()
                options.mode = 0 if op.mode == "reflect" else 1
                self.operator("MIRROR_PAD", [*inputs, self.constant(op.padding)], outputs, options, "MirrorPadOptions")
            case MatMul() if op.activation == IDENTITY:
                options = schema.BatchMatMulOptionsT()
                options.adjX, options.adjY = op.transpose_left, op.transpose_right
                self.operator("BATCH_MATMUL", inputs, outputs, options, "BatchMatMulOptions")
            case TransposeConv2D():
                weights = self.graph.inputs_of(node)[1]
                options = schema.TransposeConvOptionsT()
                options.strideH, options.strideW = op.stride
                options.fusedActivationFunction = activation(op)
                options.padding = transposed_padding(op, source, weights.shape[1:3])
                image, *constants = inputs
                operands = [self.constant(target.shape), constants[0], image, *constants[1:]]
                self.operator("TRANSPOSE_CONV", operands, outputs, options, "TransposeConvOptions")
            case Pad() if op.mode == "constant" and op.value != 0.0 and source.quantization:
                fill = np.array([quantised(op.value, source)]).clip(-128, 127).astype(np.int8)
                value = self.tensor(fill.shape, source.dtype, source.quantization, fill)
                operands = [*inputs, self.constant(op.padding), value]
                self.operator("PADV2", operands, outputs, schema.PadV2OptionsT(), "PadV2Options")
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

    def options(self, name):
        return None if name is None else getattr(schema, f"{name}T")()

    def arrangement(self, op, inputs, outputs):
        match op:
            case Transpose():
                options = schema.TransposeOptionsT()
                self.operator("TRANSPOSE", [*inputs, self.constant(op.axes)], outputs, options, "TransposeOptions")
            case Concat():
                options = schema.ConcatenationOptionsT()
                options.axis = op.axis
                self.operator("CONCATENATION", inputs, outputs, options, "ConcatenationOptions")
            case Split():
                options = schema.SplitVOptionsT()
                options.numSplits = len(op.sizes)
                operands = [*inputs, self.constant(op.sizes), self.constant([op.axis])]
                self.operator("SPLIT_V", operands, outputs, options, "SplitVOptions")
            case Slice():
                options = schema.StridedSliceOptionsT()
                ends = [start + n * step for start, n, step in zip(op.starts, op.sizes, op.steps, strict=True)]
                options.endMask = sum(1 << axis for axis, end in enumerate(ends) if end < 0)
                operands = [*inputs, *(self.constant(values) for values in (op.starts, ends, op.steps))]
                self.operator("STRIDED_SLICE", operands, outputs, options, "StridedSliceOptions")
            case Gather():
                options = schema.GatherOptionsT()
                options.axis = op.axis
                self.operator("GATHER", inputs, outputs, options, "GatherOptions")
            case Expand():
                options = schema.BroadcastToOptionsT()
                self.operator(
                    "BROADCAST_TO", [*inputs, self.constant(op.shape)], outputs, options, "BroadcastToOptions"
                )
            case Resize():
                ties = {"asymmetric": "floor", "half_pixel": "half_up", "align_corners": "half_up"}
                if op.method == "nearest" and op.rounding != ties[op.coordinates]:
                    raise NotExpressible(f"{op}")
                nearest = op.method == "nearest"
                options = schema.ResizeNearestNeighborOptionsT() if nearest else schema.ResizeBilinearOptionsT()
                options.alignCorners = op.coordinates == "align_corners"
                options.halfPixelCenters = op.coordinates == "half_pixel"
                code = "RESIZE_NEAREST_NEIGHBOR" if nearest else "RESIZE_BILINEAR"
                kind = "ResizeNearestNeighborOptions" if nearest else "ResizeBilinearOptions"
                self.operator(code, [*inputs, self.constant(op.size)], outputs, options, kind)

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


def same_padding(size, kernel, stride):
    """What SAME means above and to the left of the convolution that a transposed one runs backwards."""
    return tuple(
        max((math.ceil(n / step) - 1) * step + taps - n, 0) // 2
        for n, taps, step in zip(size, kernel, stride, strict=True)
    )


def transposed_padding(op, source, kernel):
    """SAME or VALID where one of them means the size and padding of the transposed convolution ``op``."""
    sizes = list(zip(source.shape[1:3], op.size, kernel, op.stride, strict=True))
    if op.padding == (0, 0) and all((out - taps) // step + 1 == n for n, out, taps, step in sizes):
        return VALID
    same = op.padding == same_padding(op.size, kernel, op.stride)
    if not same or any(math.ceil(out / step) != n for n, out, _, step in sizes):
        raise NotExpressible(f"{op}")
    return SAME


def implied_padding(source, op, kernel):
    """SAME or VALID where one of them means the padding of ``op``, else None."""
    same = []
    for size, taps, stride, dilation in zip(source.shape[1:3], kernel, op.stride, op.dilation, strict=True):
        total = max((math.ceil(size / stride) - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
        same += [total // 2, total - total // 2]
    if op.padding == (0, 0, 0, 0):
        return VALID
    return SAME if op.padding == tuple(same) else None
