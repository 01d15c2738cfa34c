"""Reading: from a file nobody vouches for to a :class:`~.network.Network`.

Nothing but the file itself is opened; whatever is not understood is refused by name. Demands onnx >= 1.21.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import AttributeProto, TensorProto, defs

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.tensor import DType
from tinyml_plugins.importers.onnx.arrays import read_array, type_name
from tinyml_plugins.importers.onnx.network import Array, Attribute, Network, Node, Port, printable
from tinyml_plugins.importers.onnx.ordering import check_sources, executable, live_nodes
from tinyml_plugins.importers.onnx.wire import check_fields

LARGEST_FILE = 1 << 26
"""Bytes of a file that are read: thirty times the flash of the largest microcontroller."""
LONGEST_NAME = 512
OPSETS = range(13, 29)
"""An older one is read where each of its operators is defined as in the first of these."""
DTYPES = {
    TensorProto.FLOAT: DType.FLOAT32, TensorProto.INT8: DType.INT8, TensorProto.UINT8: DType.UINT8,
    TensorProto.INT16: DType.INT16, TensorProto.INT32: DType.INT32, TensorProto.INT64: DType.INT64,
    TensorProto.BOOL: DType.BOOL,
}  # fmt: skip
"""Types of inputs and outputs."""
KNOWN = ", ".join(type_name(code) for code in DTYPES)


def read_network(path: Path) -> Network:
    """The network in ``path``.

    Raises:
        InputError: the file cannot be read, is too large, no ONNX model, or contradicts itself.
        UnsupportedError: it needs something that is not known.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", remedy="check the path") from None
    if len(data) > LARGEST_FILE:
        raise InputError(f"is larger than {LARGEST_FILE} bytes", remedy="no microcontroller holds such a network")
    check_fields(data, onnx.ModelProto.DESCRIPTOR)
    try:
        return _network(onnx.ModelProto.FromString(data))
    except DecodeError:
        raise InputError("is no ONNX model or is damaged", remedy="export it again") from None


def _network(model: Any) -> Network:  # noqa: ANN401 - protobuf classes carry no usable types
    if not model.HasField("graph"):
        raise InputError("is no ONNX model: it holds no graph", remedy="export it again")
    if model.functions:
        raise UnsupportedError("uses functions of its own", remedy="inline them: onnx.inliner.inline_local_functions")
    if model.training_info:
        raise UnsupportedError("holds training information", remedy="export the network for inference")
    graph = model.graph
    if graph.sparse_initializer:
        raise UnsupportedError("holds sparse initialisers", remedy="export dense ones")
    constants: dict[str, Array] = {}
    for tensor in graph.initializer:
        name = _name(tensor.name, "an initialiser")
        if name in constants:
            raise InputError("is there twice", place=f"initialiser {name!r}")
        constants[name] = read_array(tensor, f"initialiser {name!r}")
    inputs = [value for value in graph.input if value.name not in constants]
    nodes = [_node(proto) for proto in graph.node]
    check_sources([_name(value.name, "an input") for value in inputs], constants, nodes)
    outputs = [_name(value.name, "an output") for value in graph.output]
    if not outputs or len(set(outputs)) != len(outputs):
        raise InputError("has no outputs, or the same output twice")
    ordered = executable(live_nodes(nodes, outputs), {*constants, *(value.name for value in inputs)}, outputs)
    return Network(
        _text(graph.name)[:LONGEST_NAME] or "network", _opset(model), ordered, tuple(_port(value) for value in inputs),
        tuple(_port(value) for value in graph.output), constants,
    )  # fmt: skip


def _opset(model: Any) -> int:  # noqa: ANN401
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if len(versions) != 1:
        raise InputError(f"names {len(versions)} versions of the ONNX operators, not one", place="opset_import")
    if 0 < versions[0] < OPSETS[0] and all(_unchanged(node, versions[0]) for node in model.graph.node):
        return OPSETS[0]
    if versions[0] not in OPSETS:
        raise UnsupportedError(
            f"opset {versions[0]} is not known, {OPSETS[0]} to {OPSETS[-1]} are", place="opset_import",
            remedy="convert it: onnx.version_converter.convert_version",
        )  # fmt: skip
    return int(versions[0])


def _unchanged(node: Any, version: int) -> bool:  # noqa: ANN401
    """Whether an operator of an older opset is defined as in the first that is read."""
    if node.domain not in ("", "ai.onnx"):
        return False
    try:
        then, now = (defs.get_schema(node.op_type, opset).since_version for opset in (version, OPSETS[0]))
    except defs.SchemaError:
        return False
    return bool(then == now)


def _text(text: str | bytes) -> str:
    """A string of the file; protobuf hands out bytes where it is no UTF-8."""
    if isinstance(text, bytes):
        raise InputError("holds a name that is no UTF-8", remedy="export it again")
    return text


def _name(text: str | bytes, what: str) -> str:
    name = _text(text)
    if not name or len(name) > LONGEST_NAME:
        raise InputError(f"{what} has {'no name' if not name else f'a name of {len(name)} characters'}")
    return name


def _node(proto: Any) -> Node:  # noqa: ANN401
    for name in (*proto.input, *proto.output, proto.name, proto.op_type, proto.domain):
        if len(_text(name)) > LONGEST_NAME:
            raise InputError(f"a node has a name of {len(name)} characters")
    domain = "" if proto.domain == "ai.onnx" else proto.domain
    node = Node(proto.op_type, domain, proto.name, tuple(proto.input), tuple(proto.output), {})
    attributes: dict[str, Attribute] = {}
    for attribute in proto.attribute:
        if _text(attribute.name) in attributes:
            raise InputError(f"attribute {printable(attribute.name)!r} is there twice", place=node.place)
        attributes[attribute.name] = _attribute(attribute, node)
    if domain not in ("", "com.microsoft"):
        raise UnsupportedError(f"belongs to the domain {printable(domain)!r}, which is not known", place=node.place)
    return Node(proto.op_type, domain, proto.name, node.inputs, node.outputs, attributes)


def _attribute(proto: Any, node: Node) -> Attribute:  # noqa: ANN401
    if proto.ref_attr_name:
        raise UnsupportedError("has an attribute that refers to a function's", place=node.place)
    match proto.type:
        case AttributeProto.INT:
            return int(proto.i)
        case AttributeProto.FLOAT:
            return float(proto.f)
        case AttributeProto.STRING:
            return bytes(proto.s)
        case AttributeProto.INTS:
            return tuple(int(value) for value in proto.ints)
        case AttributeProto.FLOATS:
            return tuple(float(value) for value in proto.floats)
        case AttributeProto.STRINGS:
            return tuple(bytes(value) for value in proto.strings)
        case AttributeProto.TENSOR:
            return read_array(proto.t, f"{node.place}, attribute {printable(proto.name)!r}")
        case AttributeProto.GRAPH | AttributeProto.GRAPHS:
            raise UnsupportedError("controls the flow by a graph of its own", place=node.place)
        case _:
            kinds = AttributeProto.AttributeType
            kind = kinds.Name(proto.type) if proto.type in kinds.values() else f"number {proto.type}"
            raise UnsupportedError(
                f"attribute {printable(proto.name)!r} has the type {kind}, which is not known", place=node.place
            )


def _port(value: Any) -> Port:  # noqa: ANN401
    place = f"input or output {value.name!r}"
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise UnsupportedError(f"is declared as {kind or 'nothing'}, only tensors are known", place=place)
    tensor = value.type.tensor_type
    if tensor.elem_type not in DTYPES:
        raise UnsupportedError(
            f"has elements of type {type_name(tensor.elem_type)}; known are {KNOWN}",
            place=place,
        )
    if not tensor.HasField("shape"):
        return Port(value.name, DTYPES[tensor.elem_type], None)
    sizes = [int(dim.dim_value) if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
    if len(sizes) > 8 or any(size is not None and size < 1 for size in sizes):
        raise InputError(f"is declared with shape {sizes[:9]}; sizes start at 1", place=place)
    return Port(value.name, DTYPES[tensor.elem_type], tuple(sizes))
