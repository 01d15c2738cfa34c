"""Document: a graph but for its constants, as JSON.

Constants are marked here and kept elsewhere. A document from outside is checked key by key; the rules of the graph
itself are :func:`tinyml_core.graph.verify.verify`'s to check.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Iterator
from typing import Any, Literal, TypeVar, get_type_hints

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import OPERATORS
from tinyml_core.graph.tensor import DType, Quantization, Tensor
from tinyml_core.suggestion import did_you_mean

FORMAT = 1

_Model = TypeVar("_Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Quantization(_Strict):
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int | None


class _Tensor(_Strict):
    name: str
    shape: tuple[int, ...]
    dtype: DType
    quantization: _Quantization | None
    constant: bool


class _Node(_Strict):
    name: str
    op: str
    attributes: dict[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class _Document(_Strict):
    format: Literal[1]
    name: str
    rounding: Rounding
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    axes: dict[str, tuple[int, ...]] = {}
    state: dict[str, str] = {}
    tensors: tuple[_Tensor, ...]
    nodes: tuple[_Node, ...]


def write_document(graph: Graph) -> bytes:
    """The graph without the data of its constants; equal graphs give equal bytes.

    Infinite attributes are written ``Infinity``, which is how JSON is commonly stretched.
    """
    document: dict[str, object] = {
        "format": FORMAT,
        "name": graph.name,
        "rounding": graph.rounding.value,
        "inputs": graph.inputs,
        "outputs": graph.outputs,
        "tensors": [
            {
                "name": tensor.name,
                "shape": tensor.shape,
                "dtype": tensor.dtype.value,
                "quantization": dataclasses.asdict(tensor.quantization) if tensor.quantization else None,
                "constant": tensor.data is not None,
            }
            for tensor in graph.tensors.values()
        ],
        "nodes": [
            {
                "name": node.name,
                "op": node.op.kind,
                "attributes": {field.name: getattr(node.op, field.name) for field in dataclasses.fields(node.op)},
                "inputs": node.inputs,
                "outputs": node.outputs,
            }
            for node in graph.nodes
        ],
    }
    if graph.axes:
        document["axes"] = dict(graph.axes)
    if graph.state:
        document["state"] = dict(graph.state)
    return json.dumps(document, indent=1, sort_keys=True).encode("ascii")


def read_document(data: bytes, place: str) -> tuple[Graph, set[str]]:
    """The graph of a document, not verified, and the names of the constants, whose data is still missing.

    Raises:
        InputError: the document is not well-formed; ``place`` starts the message.
    """
    document = _checked(_Document, data, place)
    tensors: dict[str, Tensor] = {}
    for record in document.tensors:
        if record.name in tensors:
            raise InputError("is there twice", place=f"{place}, tensor {record.name!r}")
        tensors[record.name] = Tensor(
            record.name, record.shape, record.dtype, _quantization(record, f"{place}, tensor {record.name!r}")
        )
    nodes = tuple(
        Node(node.name, _operator(node, f"{place}, node {node.name!r}"), node.inputs, node.outputs)
        for node in document.nodes
    )
    graph = Graph(
        document.name, tensors, nodes, document.inputs, document.outputs, document.rounding, document.axes,
        document.state,
    )  # fmt: skip
    return graph, {record.name for record in document.tensors if record.constant}


def _quantization(record: _Tensor, place: str) -> Quantization | None:
    if record.quantization is None:
        return None
    for scale in record.quantization.scale:
        with np.errstate(over="ignore"):
            if not (scale > 0 and math.isfinite(scale) and float(np.float32(scale)) == scale):
                raise InputError(f"has scale {scale!r}, which is no positive float32 number", place=place)
    return Quantization(record.quantization.scale, record.quantization.zero_point, record.quantization.axis)


def _operator(node: _Node, place: str) -> Operator:
    kind = OPERATORS.get(node.op)
    if kind is None:
        raise InputError(f"has the unknown operator {node.op!r}", place=place, remedy=did_you_mean(node.op, OPERATORS))
    if any(isinstance(number, float) and math.isnan(number) for number in _numbers(node.attributes)):
        raise InputError("has an attribute that is not a number", place=place)
    attributes = _checked(_attributes(node.op), json.dumps(node.attributes).encode("ascii"), place)
    return kind(**{field.name: getattr(attributes, field.name) for field in dataclasses.fields(kind)})


def _numbers(value: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _numbers(part)
    else:
        yield value


@functools.cache
def _attributes(kind: str) -> type[BaseModel]:
    """The attributes of an operator, all of them required and of exactly the declared types."""
    hints = get_type_hints(OPERATORS[kind])
    declared: dict[str, Any] = {field.name: (hints[field.name], ...) for field in dataclasses.fields(OPERATORS[kind])}
    return create_model(kind, __base__=_Strict, **declared)


def _checked(model: type[_Model], data: bytes, place: str) -> _Model:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the document"
        raise InputError(f"{key[:200]}: {first['msg'][:1].lower()}{first['msg'][1:]}", place=place) from None
