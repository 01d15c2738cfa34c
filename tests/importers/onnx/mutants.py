"""Mutants of ONNX files: damaged bytes, and well-formed files that lie."""

import onnx
from onnx import AttributeProto, TensorProto, helper

HOSTILE_NAMES = ("", "../../etc/passwd", "*/ system(1); /*", "\x1b[31m", "a" * 5000, "${jndi}", "名", '"#include<x>\n')
EXTREMES = (-(2**63), 2**63 - 1, -1, 0, 2**31, 2**40)


def truncate(data, rng):
    return data[: int(rng.integers(0, len(data)))]


def flip_bytes(data, rng):
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        damaged[int(rng.integers(len(damaged)))] = int(rng.integers(256))
    return bytes(damaged)


def repeat_slice(data, rng):
    start, end = sorted(int(each) for each in rng.integers(0, len(data), 2))
    return data[:end] + data[start:end] + data[end:]


BYTES = (truncate, flip_bytes, repeat_slice)


def _node(model, rng):
    return model.graph.node[int(rng.integers(len(model.graph.node)))]


def _constant(model, rng):
    return model.graph.initializer[int(rng.integers(len(model.graph.initializer)))]


def dimensions(model, rng):
    tensor = _constant(model, rng)
    sizes = list(tensor.dims) or [1]
    sizes[int(rng.integers(len(sizes)))] = EXTREMES[int(rng.integers(6))]
    del tensor.dims[:]
    tensor.dims.extend(sizes)


def input_dimensions(model, rng):
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[int(rng.integers(len(dims)))].dim_value = EXTREMES[int(rng.integers(6))]


def symbolic_dimensions(model, rng):
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[int(rng.integers(len(dims)))].dim_param = "?"


def short_data(model, rng):
    tensor = _constant(model, rng)
    tensor.raw_data = tensor.raw_data[: int(rng.integers(0, len(tensor.raw_data) + 1))]


def missing_name(model, rng):
    node = _node(model, rng)
    node.input[int(rng.integers(len(node.input)))] = HOSTILE_NAMES[int(rng.integers(8))]


def shared_name(model, rng):
    _node(model, rng).output[0] = _node(model, rng).output[0]


def swapped_inputs(model, rng):
    left, right = _node(model, rng), _node(model, rng)
    i, j = int(rng.integers(len(left.input))), int(rng.integers(len(right.input)))
    left.input[i], right.input[j] = right.input[j], left.input[i]


def cycle(model, rng):
    _node(model, rng).input[0] = model.graph.node[-1].output[0]


def attribute_type(model, rng):
    node = _node(model, rng)
    for attribute in node.attribute:
        attribute.type = int(rng.integers(0, 15))


def attribute_value(model, rng):
    for attribute in _node(model, rng).attribute:
        if attribute.type == AttributeProto.INTS:
            attribute.ints[:] = [EXTREMES[int(rng.integers(6))] for _ in range(int(rng.integers(0, 6)))]
        else:
            attribute.i, attribute.f = EXTREMES[int(rng.integers(6))], float("nan")


def new_attribute(model, rng):
    name = ("alpha", "group", "axis", "pads", "dilations", "block_size", "__class__", "auto_pad")[int(rng.integers(8))]
    _node(model, rng).attribute.append(
        helper.make_attribute(name, (3, 2.5, [1, 2], "SAME_UPPER")[int(rng.integers(4))])
    )


def control_flow(model, rng):
    node = _node(model, rng)
    node.op_type = ("If", "Loop", "Scan", "SequenceMap")[int(rng.integers(4))]
    node.attribute.append(helper.make_attribute("body", helper.make_graph([], "g", [], [])))


def operator(model, rng):
    _node(model, rng).op_type = ("Einsum", "Add", "Conv", "Reshape", "MatMul", "Transpose", "\x1b]0;x", "Softmax")[
        int(rng.integers(8))
    ]


def element_type(model, rng):
    _constant(model, rng).data_type = int(rng.integers(0, 100))


def port_type(model, rng):
    port = (model.graph.input[0], model.graph.output[0])[int(rng.integers(2))]
    port.type.tensor_type.elem_type = int(rng.integers(0, 30))


def opset(model, rng):
    model.opset_import[0].version = (2**40, 0, -1, 1, 12, 22, 13, 17, 18)[int(rng.integers(9))]


def unsorted(model, rng):
    nodes = list(model.graph.node)
    order = rng.permutation(len(nodes))
    del model.graph.node[:]
    model.graph.node.extend(nodes[int(index)] for index in order)


def domain(model, rng):
    _node(model, rng).domain = ("../../evil", "com.microsoft", "ai.onnx.ml", "")[int(rng.integers(4))]


def external_data(model, rng):
    tensor = _constant(model, rng)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.append(onnx.StringStringEntryProto(key="location", value="../../../etc/passwd"))


def hostile_names(model, rng):
    name = HOSTILE_NAMES[int(rng.integers(8))]
    old = _node(model, rng).output[0]
    for node in model.graph.node:
        for names in (node.input, node.output):
            for index, each in enumerate(names):
                if each == old:
                    names[index] = name
        node.name = name
    model.graph.name = name


def filled_weights(model, rng):
    tensor = _constant(model, rng)
    tensor.raw_data = (b"\xff", b"\x00", b"\x7f", b"\x80")[int(rng.integers(4))] * len(tensor.raw_data)


def duplicated(model, rng):
    kind = int(rng.integers(3))
    if kind == 0:
        model.graph.initializer.append(_constant(model, rng))
    elif kind == 1:
        model.graph.node.append(_node(model, rng))
    else:
        model.graph.output.append(model.graph.output[0])


def unusual_parts(model, rng):
    kind = int(rng.integers(4))
    if kind == 0:
        model.functions.add().name = "f"
    elif kind == 1:
        model.training_info.add()
    elif kind == 2:
        model.graph.sparse_initializer.add()
    else:
        model.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = 1


STRUCTURED = (
    dimensions, input_dimensions, symbolic_dimensions, short_data, missing_name, shared_name, swapped_inputs, cycle,
    attribute_type, attribute_value, new_attribute, control_flow, operator, element_type, port_type, opset, unsorted,
    domain, external_data, hostile_names, filled_weights, duplicated, unusual_parts,
)  # fmt: skip


def mutants(model, rng):
    """Endless (kind, bytes)."""
    whole = model.SerializeToString()
    while True:
        for kind in BYTES:
            yield kind.__name__, kind(whole, rng)
        for change in STRUCTURED:
            copy = onnx.ModelProto.FromString(whole)
            change(copy, rng)
            yield change.__name__, copy.SerializeToString()
