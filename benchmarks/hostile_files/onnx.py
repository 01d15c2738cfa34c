"""Hostile ONNX files: sound protobuf, wrong content.

Sources are networks that the project makes itself, and the public ones in ``../shared/models`` where they are there.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from tinyml_core.testing.mutations import Mutation

EXTREMES = (-(2**63), -(2**31), -2, -1, 0, 1, 2, 3, 7, 1000, 2**31, 2**40, 2**63 - 1)
NAMES = ("", "*/", "a" * 100_000, "\x1b[31m", "int", "../../evil", "%s%n", "x\0y", "{{7*7}}", "\u202e", "\n")
LOCATIONS = ("/etc/passwd", "../../../etc/passwd", "x.bin", "", "/dev/zero", "a\0b", "model.onnx", "C:\\x", "." * 5000)


def public_networks(folder: Path) -> list[bytes]:
    """The public networks, where they are there."""
    return [path.read_bytes() for path in sorted(folder.glob("*.onnx"))]


def structured(change: Callable[[Any, random.Random], None]) -> Mutation:
    """A mutation of bytes out of one of the parsed model."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        model = onnx.ModelProto.FromString(data)
        change(model, rng)
        return bytes(model.SerializeToString())

    return mutate


def _node(model: Any, rng: random.Random) -> Any:
    return rng.choice(model.graph.node) if model.graph.node else model.graph.node.add()


def _initialiser(model: Any, rng: random.Random) -> Any:
    return rng.choice(model.graph.initializer) if model.graph.initializer else model.graph.initializer.add()


def _dimensions(model: Any, rng: random.Random) -> None:
    """Sizes of an initialiser, an input or an output."""
    if rng.random() < 0.6:
        dims = _initialiser(model, rng).dims
        if dims and rng.random() < 0.8:
            dims[rng.randrange(len(dims))] = rng.choice(EXTREMES)
        else:
            dims.append(rng.choice(EXTREMES))
        return
    port = rng.choice((*model.graph.input, *model.graph.output))
    shape = port.type.tensor_type.shape
    if shape.dim and rng.random() < 0.8:
        rng.choice(shape.dim).dim_value = rng.choice(EXTREMES)
    elif rng.random() < 0.5:
        shape.dim.add().dim_param = "N"
    else:
        port.type.tensor_type.ClearField("shape")


def _short_data(model: Any, rng: random.Random) -> None:
    tensor = _initialiser(model, rng)
    data = tensor.raw_data
    tensor.raw_data = (
        data[: rng.randrange(len(data))] if data and rng.random() < 0.7 else data + b"\0" * rng.choice((1, 4))
    )


def _wrong_field(model: Any, rng: random.Random) -> None:
    """Data where another type has its own."""
    tensor = _initialiser(model, rng)
    field = rng.choice(("float_data", "int32_data", "int64_data"))
    getattr(tensor, field).extend([1] * rng.choice((1, 5, 1000)))
    if rng.random() < 0.5:
        tensor.ClearField("raw_data")


def _dangling(model: Any, rng: random.Random) -> None:
    node = _node(model, rng)
    names = rng.choice((node.input, node.output))
    known = [name for each in model.graph.node for name in (*each.input, *each.output)] + ["nowhere", ""]
    if names and rng.random() < 0.8:
        names[rng.randrange(len(names))] = rng.choice(known)
    elif names and rng.random() < 0.5:
        names.pop()
    else:
        names.append(rng.choice(known))


def _duplicates(model: Any, rng: random.Random) -> None:
    records = rng.choice((model.graph.node, model.graph.initializer, model.graph.input, model.graph.output))
    if records:
        records.add().CopyFrom(rng.choice(records))


def _cycle(model: Any, rng: random.Random) -> None:
    nodes = model.graph.node
    if len(nodes) > 1:
        first, second = sorted(rng.sample(range(len(nodes)), 2))
        if nodes[first].input and nodes[second].output:
            nodes[first].input[0] = nodes[second].output[0]


def _attribute_type(model: Any, rng: random.Random) -> None:
    found = [attribute for node in model.graph.node for attribute in node.attribute]
    if found:
        rng.choice(found).type = rng.randrange(15)


def _attribute_value(model: Any, rng: random.Random) -> None:
    found = [attribute for node in model.graph.node for attribute in node.attribute]
    if not found:
        return
    attribute = rng.choice(found)
    match attribute.type:
        case AttributeProto.INT:
            attribute.i = rng.choice(EXTREMES)
        case AttributeProto.INTS if attribute.ints and rng.random() < 0.8:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(EXTREMES)
        case AttributeProto.INTS:
            attribute.ints.extend([rng.choice(EXTREMES)] * rng.choice((1, 8)))
        case AttributeProto.FLOAT:
            attribute.f = rng.choice((float("nan"), float("inf"), -1.0, 0.0))
        case _:
            attribute.name = rng.choice(("axis", "alpha", "to", "__class__", "location"))


def _new_attribute(model: Any, rng: random.Random) -> None:
    name = rng.choice(("axis", "group", "pads", "strides", "dilations", "auto_pad", "kernel_shape", "to", "__init__",
                       "transB", "alpha", "ceil_mode", "block_size"))  # fmt: skip
    value: Any = rng.choice((0, -1, 2**62, 1.5, "SAME_UPPER", "evil", [1], [2, 2], [0, 0], [-1, 2**40], [1.5]))
    _node(model, rng).attribute.append(helper.make_attribute(name, value))


def _control_flow(model: Any, rng: random.Random) -> None:
    kind = rng.choice(("If", "Loop", "Scan", "SequenceMap"))
    node = _node(model, rng)
    node.op_type = kind
    inner = helper.make_graph([], "inner", [], [])
    if rng.random() < 0.3:  # graphs within graphs
        for _ in range(rng.choice((3, 20, 28))):
            inner = helper.make_graph([helper.make_node("If", [], [], then_branch=inner)], "inner", [], [])
    node.attribute.append(helper.make_attribute("then_branch" if kind == "If" else "body", inner))


def _type(model: Any, rng: random.Random) -> None:
    number = rng.randrange(100)
    if rng.random() < 0.6:
        _initialiser(model, rng).data_type = number
    else:
        rng.choice((*model.graph.input, *model.graph.output)).type.tensor_type.elem_type = number


def _opset(model: Any, rng: random.Random) -> None:
    match rng.randrange(4):
        case 0:
            del model.opset_import[:]
        case 1:
            model.opset_import.add().CopyFrom(model.opset_import[0])
        case 2:
            model.ir_version = rng.choice(EXTREMES)
        case _:
            model.opset_import[0].version = rng.choice((2**40, -1, 0, 1, 12, 13, 21, 22, 30))


def _order(model: Any, rng: random.Random) -> None:
    nodes = list(model.graph.node)
    rng.shuffle(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _domain(model: Any, rng: random.Random) -> None:
    _node(model, rng).domain = rng.choice(("../../evil", "com.microsoft", "ai.onnx", "ai.onnx.ml", "\0", "x" * 2000))


def _operator(model: Any, rng: random.Random) -> None:
    node = _node(model, rng)
    other = _node(model, rng).op_type
    node.op_type = rng.choice(
        (other, other, "", "Conv", "Gemm", "Reshape", "Transpose", "Slice", "Resize", "ConstantOfShape", "Range",
         "Expand", "Tile", "Evil\n", "__import__", "Clip", "Softmax", "ConvTranspose", "Pad", "AveragePool", "Mul",
         "Div", "Split", "Gather", "Unsqueeze", "ReduceMean", "Cast", "Identity", "Dropout", "LSTM", "Constant")
    )  # fmt: skip


def _external(model: Any, rng: random.Random) -> None:
    tensor = _initialiser(model, rng)
    tensor.data_location = TensorProto.EXTERNAL
    if rng.random() < 0.7:
        tensor.ClearField("raw_data")
    keys = {"location": rng.choice(LOCATIONS), "offset": str(rng.choice(EXTREMES)), "length": str(rng.choice(EXTREMES)),
            "__class__": "evil"}  # fmt: skip
    for key in rng.sample(sorted(keys), rng.randrange(1, 5)):
        tensor.external_data.add(key=key, value=keys[key])


def _names(model: Any, rng: random.Random) -> None:
    name = rng.choice(NAMES)
    match rng.randrange(5):
        case 0:
            model.graph.name = model.producer_name = model.doc_string = name
        case 1:
            _node(model, rng).name = name
        case 2:
            for node in model.graph.node:
                node.name = name
        case 3:
            rng.choice((*model.graph.input, *model.graph.output, *model.graph.initializer)).name = name
        case _:  # the same change everywhere, so that the network stays whole
            old = rng.choice([each for node in model.graph.node for each in node.output] or ["x"])
            for node in model.graph.node:
                for names in (node.input, node.output):
                    for index, each in enumerate(names):
                        if each == old:
                            names[index] = name


def _values(model: Any, rng: random.Random) -> None:
    """Every byte of a constant 0xff, or scales at the edge of something."""
    tensor = _initialiser(model, rng)
    scalars = [each for each in model.graph.initializer if "scale" in each.name]
    if rng.random() < 0.4:
        tensor.raw_data = b"\xff" * len(tensor.raw_data)
    elif scalars:
        tensor = rng.choice(scalars)
        array = numpy_helper.to_array(tensor).copy()
        if array.dtype == np.float32 and array.size:
            array.ravel()[rng.randrange(array.size)] = rng.choice((0, -1, np.nan, np.inf, 1e-45, 3e38, 1e10, 1e-30))
            tensor.CopyFrom(numpy_helper.from_array(array.reshape(tuple(tensor.dims)), tensor.name))


def _small_constants(model: Any, rng: random.Random) -> None:
    """Other values where the file says axes, shapes and padding."""
    found = [each for each in model.graph.initializer if each.data_type == TensorProto.INT64 and each.raw_data]
    if found:
        tensor = rng.choice(found)
        array = np.frombuffer(tensor.raw_data, np.int64).copy()
        array[rng.randrange(len(array))] = rng.choice(EXTREMES)
        tensor.raw_data = array.tobytes()


def _kinds(model: Any, rng: random.Random) -> None:
    match rng.randrange(4):
        case 0:
            model.functions.add().name = "evil"
        case 1:
            model.graph.sparse_initializer.add()
        case 2:
            model.graph.input.append(helper.make_tensor_value_info("extra", TensorProto.FLOAT, [1, 2]))
        case _:
            model.ClearField("graph")


STRUCTURED: dict[str, Mutation] = {
    change.__name__.strip("_").replace("_", " "): structured(change)
    for change in (
        _dimensions, _short_data, _wrong_field, _dangling, _duplicates, _cycle, _attribute_type, _attribute_value,
        _new_attribute, _control_flow, _type, _opset, _order, _domain, _operator, _external, _names, _values,
        _small_constants, _kinds,
    )
}  # fmt: skip
"""Name of each kind of damage."""
