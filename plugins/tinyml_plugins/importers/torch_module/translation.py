"""Translation: an exported program as a :class:`~tinyml_plugins.importers.onnx.network.Network`."""

from __future__ import annotations

import operator

import numpy as np
import torch
from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind, TensorArgument

from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.tensor import DType
from tinyml_plugins.importers.onnx.network import Array, Network, Node, Port
from tinyml_plugins.importers.torch_module.operators import OPERATORS, OPSET, Call, Step, shape_of


def translate(program: ExportedProgram, name: str) -> Network:
    """The network called ``name``; values have the names that torch.export gave them.

    Raises:
        UnsupportedError: an input, output or operator is not known; names it.
    """
    values = {node.name: node for node in program.graph.nodes}
    constants: dict[str, Array] = {}
    inputs: list[Port] = []
    for spec in program.graph_signature.input_specs:
        value = values.get(getattr(spec.arg, "name", ""))
        if spec.kind is InputKind.USER_INPUT:
            if not isinstance(spec.arg, TensorArgument) or value is None:
                raise UnsupportedError("is no tensor", place=f"input {getattr(spec.arg, 'name', spec.arg)!r}")
            inputs.append(_port(value, "input"))
        elif value is not None and value.users:
            constants[value.name] = _constant(program, spec.target, value.name)
    calls = [node for node in program.graph.nodes if node.op not in ("placeholder", "output")]
    nodes = [_node(node, constants) for node in calls if node.users]  # assertions have none
    return Network(name, OPSET, tuple(nodes), tuple(inputs), _outputs(program, values), constants)


def _outputs(program: ExportedProgram, values: dict[str, fx.Node]) -> tuple[Port, ...]:
    ports: dict[str, Port] = {}
    for spec in program.graph_signature.output_specs:
        if spec.kind is not OutputKind.USER_OUTPUT:
            raise UnsupportedError(f"changes {spec.target!r} when it runs, networks here have no state")
        if not isinstance(spec.arg, TensorArgument):
            raise UnsupportedError("returns something that is no tensor")
        if spec.arg.name in ports:
            raise UnsupportedError("is returned twice", place=f"output {spec.arg.name!r}")
        ports[spec.arg.name] = _port(values[spec.arg.name], "output")
    return tuple(ports.values())


def _port(value: fx.Node, what: str) -> Port:
    if value.meta["val"].dtype is not torch.float32:
        raise UnsupportedError(f"has type {value.meta['val'].dtype}", place=f"{what} {value.name!r}")
    return Port(value.name, DType.FLOAT32, shape_of(value))


def _constant(program: ExportedProgram, target: str | None, name: str) -> Array:
    data = program.state_dict.get(target or "", program.constants.get(target or ""))
    if not isinstance(data, Tensor):
        raise UnsupportedError("is no tensor", place=f"constant {target or name!r}")
    data = data.detach().cpu()
    return np.asarray(data.float() if data.is_floating_point() else data)


def _node(node: fx.Node, constants: dict[str, Array]) -> Node:
    step = _step(node)
    names = []
    for index, value in enumerate(step.inputs):
        if isinstance(value, np.ndarray):
            names.append(f"{node.name}/{index}")
            constants[names[-1]] = value
        else:
            names.append("" if value is None else value.name)
    return Node(step.op_type, "", node.name, tuple(names), (node.name,), step.attributes)


def _step(node: fx.Node) -> Step:
    target = node.target
    if target is operator.getitem and node.args[1] == 0 and isinstance(node.args[0], fx.Node):
        return Step("Identity", (node.args[0],))  # the first of an operator's results is the one that is converted
    rule = OPERATORS.get(str(target).removeprefix("aten."))
    if rule is None or not isinstance(target, torch._ops.OpOverload):
        raise UnsupportedError(
            f"operator {target} is not known", place=f"node {node.name!r}",
            remedy="write it in other operators",
        )  # fmt: skip
    arguments = {}
    for index, argument in enumerate(target._schema.arguments):
        default = argument.default_value if argument.has_default_value() else None
        given = node.args[index] if index < len(node.args) else node.kwargs.get(argument.name, default)
        arguments[argument.name] = given
    return rule(Call(node, arguments))
