"""Ports: outputs get the names, types and layouts that the file gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.operators import Quantize, Reshape
from tinyml_core.graph.tensor import DType, Quantization
from tinyml_plugins.importers.onnx.emission import Emitter
from tinyml_plugins.importers.onnx.network import Network, Port
from tinyml_plugins.importers.onnx.values import Value, Variable


def finished(network: Network, emitter: Emitter, values: Mapping[str, Value]) -> Graph:
    """The graph, its ports named as in the file and their layouts noted.

    Raises:
        InputError: an output is not what the file declares.
        UnsupportedError: an output is a constant or an input.
    """
    handles: dict[str, str] = {}  # handle -> port
    axes: dict[str, tuple[int, ...]] = {}
    for port in network.inputs:
        value = values[port.name]
        assert isinstance(value, Variable)
        _note_axes(axes, port.name, value)
    taken = {port.name for port in network.inputs}
    for port in network.outputs:
        value = values[port.name]
        place = f"output {port.name!r}"
        if not isinstance(value, Variable):
            raise UnsupportedError("is a constant", place=place, remedy="leave it out")
        value = emitter.plain(value)
        if port.name in taken:
            raise UnsupportedError("is an input too", place=place, remedy="leave it out")
        _check(port, value, emitter)
        handle, tensor = value.handle, emitter.tensor(value)
        if port.dtype is DType.UINT8:
            assert tensor.quantization is not None
            raw = Quantization.per_tensor(tensor.scale, tensor.zero_point + 128)
            handle = emitter.step(f"{port.name}/uint8", Quantize("uint8"), handle, raw)
        elif handle in handles or handle in taken:  # one tensor, two ports
            handle = emitter.step(f"{port.name}/copy", Reshape(tensor.shape), handle, tensor.quantization)
        handles[handle] = port.name
        _note_axes(axes, port.name, value)
    graph = emitter.builder.build(list(handles))
    return replace(_renamed(graph, handles), axes=axes)


def _note_axes(axes: dict[str, tuple[int, ...]], name: str, value: Variable) -> None:
    if value.axes != tuple(range(len(value.axes))):
        axes[name] = value.axes


def _check(port: Port, value: Variable, emitter: Emitter) -> None:
    place = f"output {port.name!r}"
    if value.dtype is not port.dtype:
        raise InputError(f"is declared {port.dtype.value} but is {value.dtype.value}", place=place)
    shape = emitter.shape(value)
    if port.shape is not None and (
        len(port.shape) != len(shape)
        or any(declared not in (None, size) for declared, size in zip(port.shape, shape, strict=True))
    ):
        raise InputError(f"is declared with shape {list(port.shape)} but has {list(shape)}", place=place)


def _renamed(graph: Graph, handles: Mapping[str, str]) -> Graph:
    """``graph`` with its output tensors and the nodes that write them named after the ports."""
    others = {name for name in graph.tensors if name not in handles}
    names = dict(handles)
    for port in handles.values():
        if port in others:
            names[port] = _free(f"{port}/inner", others.union(handles.values()))
    tensors = {}
    for name, tensor in graph.tensors.items():
        new = names.get(name, name)
        tensors[new] = replace(tensor, name=new)
    nodes = tuple(
        replace(
            node, name=names.get(node.outputs[0], node.outputs[0]),
            inputs=tuple(names.get(name, name) for name in node.inputs),
            outputs=tuple(names.get(name, name) for name in node.outputs),
        )
        for node in graph.nodes
    )  # fmt: skip
    return replace(graph, tensors=tensors, nodes=nodes, outputs=tuple(handles.values()))


def _free(stem: str, taken: set[str]) -> str:
    name, count = stem, 1
    while name in taken:
        count += 1
        name = f"{stem}{count}"
    return name
