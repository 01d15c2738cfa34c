"""From a file's model to a graph: the live operators, each by its converter."""

from __future__ import annotations

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.graph import Graph, Rounding
from tinyml_plugins.importers.tflite.assembly import Assembly, Call
from tinyml_plugins.importers.tflite.borders import name_outputs
from tinyml_plugins.importers.tflite.flatbuffer import Reader
from tinyml_plugins.importers.tflite.opcodes import operator_name
from tinyml_plugins.importers.tflite.operators import OPERATORS, Entry
from tinyml_plugins.importers.tflite.options import (
    OPTIONS_TYPES,
    CastOptions,
    NoOptions,
    ReshapeOptions,
    ShapeOptions,
)
from tinyml_plugins.importers.tflite.schema import CUSTOM, VERSION, Model, OperatorRecord, SubGraph

COMPRESSION = "COMPRESSION_METADATA"
"""Name of the metadata by which TensorFlow Lite Micro knows that constants are compressed."""

OPTIONAL = (NoOptions, ReshapeOptions, CastOptions, ShapeOptions)
"""Options that only repeat what the tensors say."""


def convert(model: Model, reader: Reader, name: str, place: str) -> Graph:
    """The graph of the first subgraph; others belong to control flow, whose operators are refused.

    Raises:
        InputError: the model contradicts itself.
        UnsupportedError: it uses something unknown; names it and the operator or tensor.
    """
    if model.version != VERSION:
        raise UnsupportedError(f"is of schema version {model.version}, {VERSION} is known", place=place)
    if any(metadata.name == COMPRESSION for metadata in model.metadata):
        raise UnsupportedError(
            "has compressed constants, which are not known", place=place, remedy="give the file before compression"
        )
    if not model.subgraphs:
        raise InputError("holds no network", place=place, remedy="convert the network again")
    subgraph = model.subgraphs[0]
    assembly = Assembly(model, subgraph, place)
    inputs = tuple(_variable(assembly, subgraph, index) for index in dict.fromkeys(subgraph.inputs))
    if len(inputs) != len(subgraph.inputs):
        raise InputError("lists an input twice", place=place)
    for index, code in _live(model, subgraph, place):
        _convert_operator(assembly, model, reader, index, subgraph.operators[index], code)
    outputs = [assembly.tensor(index).name for index in subgraph.outputs]
    graph = Graph(name, assembly.tensors, tuple(assembly.nodes), inputs, tuple(outputs), Rounding.TFLITE)
    return name_outputs(graph, outputs, outputs)


def _variable(assembly: Assembly, subgraph: SubGraph, index: int) -> str:
    tensor = assembly.tensor(index)
    for axis, size in enumerate(subgraph.tensors[index].shape_signature):
        if size == -1 and axis > 0:  # an open leading axis is the batch, which is 1 on a device
            raise UnsupportedError(
                f"leaves the size of axis {axis} open", place=f"{assembly.place}, input {tensor.name!r}",
                remedy="convert the network with fixed sizes",
            )  # fmt: skip
    return tensor.name


def _live(model: Model, subgraph: SubGraph, place: str) -> list[tuple[int, str]]:
    """Index and name of the operators that outputs depend on, and of those that exist for their side effects."""
    needed = set(subgraph.outputs)
    live = []
    for index in reversed(range(len(subgraph.operators))):
        record = subgraph.operators[index]
        if record.outputs and needed.isdisjoint(record.outputs):
            continue
        if record.opcode_index >= len(model.operator_codes):
            raise InputError(
                f"refers to operator code {record.opcode_index}; there are {len(model.operator_codes)}",
                place=f"{place}, operator {index}",
            )
        code = model.operator_codes[record.opcode_index]
        name = operator_name(code.code)
        if code.code == CUSTOM:
            raise UnsupportedError(f"is the custom operator {code.custom_code!r}", place=f"{place}, operator {index}")
        if name not in OPERATORS:
            raise UnsupportedError(f"{name} is not known", place=f"{place}, operator {index}")
        entry = OPERATORS[name]
        if not 1 <= code.version <= entry.version:
            raise UnsupportedError(
                f"is version {code.version} of {name}; up to {entry.version} are known",
                place=f"{place}, operator {index}", remedy="convert the network with an earlier TensorFlow",
            )  # fmt: skip
        needed |= set(record.inputs[: entry.reads])
        live.append((index, name))
    return live[::-1]


def _convert_operator(
    assembly: Assembly, model: Model, reader: Reader, index: int, record: OperatorRecord, name: str
) -> None:
    entry = OPERATORS[name]
    call = Call(assembly, index, name, record)
    least, greatest = entry.arity
    if not least <= len(record.inputs) <= greatest:
        raise call.damaged(f"has {len(record.inputs)} inputs, takes {least} to {greatest}")
    if len(record.outputs) != 1 and not entry.many_outputs:
        raise call.damaged(f"has {len(record.outputs)} outputs, computes one")
    for present, what in (
        (record.custom_options or record.large_custom_options_size, "custom options"),
        (record.builtin_options_2_type or record.builtin_options_2, "options of a second kind"),
        (any(record.mutating_variable_inputs) and not entry.keeps_state, "inputs that it changes"),
        (record.intermediates and not entry.keeps_state, "intermediate tensors"),
    ):
        if present:
            raise call.refuse(f"has {what}, which are not known")
    source = call.any_input(0)
    if source.dtype not in entry.types:
        raise call.refuse(
            f"has {source.dtype.value} activations", remedy="quantise to int8 with a current version of TensorFlow"
        )
    entry.convert(call, _options(reader, record, entry, call))


def _options(reader: Reader, record: OperatorRecord, entry: Entry, call: Call) -> object:
    if record.builtin_options is None:
        if entry.options in OPTIONAL:
            return entry.options()
        raise call.damaged(f"lacks its {entry.options.__name__}")
    expected = OPTIONS_TYPES.get(entry.options)
    if expected is not None and record.builtin_options_type not in expected:
        raise call.damaged(f"has options of kind {record.builtin_options_type}, {entry.options.__name__} is needed")
    return reader.table(entry.options, record.builtin_options.position)
