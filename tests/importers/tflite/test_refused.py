"""What an importer must not guess: every unknown field, type, version and contradiction refused by name and place."""

import numpy as np
import pytest

from tflite_models.authoring import FLOAT16, FLOAT32, INT64, UINT8, convolution
from tflite_models.writer import schema
from tinyml_core.errors import TinyMLError


def change(**fields):
    def apply(author, operator):
        for name, value in fields.items():
            setattr(author.subgraph.tensors[1], name, value)

    return apply


def weights_zero_point(author, operator):
    author.subgraph.tensors[1].quantization.zeroPoint = np.array([0, 0, 1, 0])


def weights_axis(author, operator):
    author.subgraph.tensors[1].quantization.quantizedDimension = 3


def too_few_scales(author, operator):
    quantization = author.subgraph.tensors[1].quantization
    quantization.scale, quantization.zeroPoint = quantization.scale[:3], quantization.zeroPoint[:3]


def too_few_zero_points(author, operator):
    author.subgraph.tensors[1].quantization.zeroPoint = np.array([0, 0])


def activations_per_channel(author, operator):
    quantization = author.subgraph.tensors[0].quantization
    quantization.scale, quantization.zeroPoint = np.array([0.5, 0.25], np.float32), np.array([0, 0])
    quantization.quantizedDimension = 3


def grouped(author, operator):
    author.subgraph.tensors[0].shape = [1, 5, 5, 5]


def bias_type(author, operator):
    operator.builtinOptions.quantizedBiasType = INT64


def options_of_another(author, operator):
    operator.builtinOptionsType = 2


def no_options(author, operator):
    operator.builtinOptions, operator.builtinOptionsType = None, 0


def output_shape(author, operator):
    author.subgraph.tensors[3].shape = [1, 4, 5, 4]


def version(author, operator):
    author.model.operatorCodes[0].version = 9


def custom(author, operator):
    record = author.model.operatorCodes[0]
    record.builtinCode, record.deprecatedBuiltinCode, record.customCode = 32, 32, b"TFLite_Detection_PostProcess"


def unknown_code(author, operator):
    author.model.operatorCodes[0].builtinCode = 300


def float_input(author, operator):
    author.subgraph.tensors[0].type = FLOAT32


def schema_version(author, operator):
    author.model.version = 2


def open_axis(author, operator):
    author.subgraph.tensors[0].shapeSignature = [-1, -1, 5, 2]


def second_output(author, operator):
    operator.outputs = [3, 0]


def fourth_input(author, operator):
    operator.inputs = [0, 1, 2, 2]


def custom_options(author, operator):
    operator.customOptions = np.zeros(3, np.uint8)


def mutating(author, operator):
    operator.mutatingVariableInputs = np.array([True, False, False])


def compression(author, operator):
    record = schema.MetadataT()
    record.name, record.buffer = b"COMPRESSION_METADATA", 0
    author.model.metadata = [record]


def uint8_input(author, operator):
    author.subgraph.tensors[0].type = UINT8


def external_buffer(author, operator):
    author.model.buffers[1].offset = 4096


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (weights_zero_point, r"operator 0 \(CONV_2D\): has weights with a zero point"),
        (weights_axis, "quantised along axis 3, filters lie along axis 0"),
        (too_few_scales, "has 3 scales"),
        (too_few_zero_points, "tensor 1 .*: has 4 scales and 2 zero points"),
        (activations_per_channel, "one scale per channel"),
        (grouped, "5 input channels, 4 filters of 2, which make no groups"),
        (bias_type, "declares a bias of type INT64, it has int32"),
        (options_of_another, "has options of kind 2"),
        (no_options, "lacks its Conv2DOptions"),
        (output_shape, r"computes int8\[1, 5, 5, 4\].*declared int8\[1, 4, 5, 4\]"),
        (version, "is version 9 of CONV_2D; up to 8 are known"),
        (custom, "is the custom operator 'TFLite_Detection_PostProcess'"),
        (unknown_code, "operator 0: builtin operator 300 is not known"),
        (float_input, "has int8 weights for float32 activations"),
        (schema_version, "is of schema version 2"),
        (open_axis, "input 'input': leaves the size of axis 1 open"),
        (second_output, "has 2 outputs, computes one"),
        (fourth_input, "has 4 inputs, takes 2 to 3"),
        (custom_options, "has custom options"),
        (mutating, "has inputs that it changes"),
        (compression, "has compressed constants"),
        (uint8_input, r"operator 0 \(CONV_2D\): has uint8 activations"),
        (external_buffer, "outside the flatbuffer"),
        (change(isVariable=True), "tensor 1 .*is a variable"),
        (change(shape=[4, 3, -1, 2]), "has the dynamic shape"),
        (change(shape=[4, 3, 3, 3]), "has 72 bytes of data, its shape .* needs 108"),
        (change(type=FLOAT16), "has element type FLOAT16"),
        (change(type=99), "has element type number 99"),
        (change(buffer=77), "refers to buffer 77"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_refused_by_name_and_place(alter, message, tmp_path):
    author, operator = convolution()
    alter(author, operator)
    with pytest.raises(TinyMLError, match=message) as caught:
        author.graph(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "model.tflite"))
