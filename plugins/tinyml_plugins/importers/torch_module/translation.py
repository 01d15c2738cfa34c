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
from tinyml_plugins.importers.torch_module.folding import computed, is_constant
from tinyml_plugins.importers.torch_module.operators import OPERATORS, OPSET, Call, Step, shape_of
from tinyml_plugins.importers.torch_module.operators.call import TYPES, Part, Result


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
    nodes: list[Node] = []
    several: set[str] = set()
    for node in program.graph.nodes:
        if node.op in ("placeholder", "output") or not node.users:  # assertions have none
            continue
        if is_constant(node, constants):
            constants[node.name] = computed(node, constants)
        else:
            _Writer(node, nodes, constants, several).write()
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
    dtype = value.meta["val"].dtype
    if dtype not in TYPES:
        raise UnsupportedError(f"has type {dtype}", place=f"{what} {value.name!r}")
    return Port(value.name, DType(str(dtype).removeprefix("torch.")), shape_of(value))


def _constant(program: ExportedProgram, target: str | None, name: str) -> Array:
    data = program.state_dict.get(target or "", program.constants.get(target or ""))
    if not isinstance(data, Tensor):
        raise UnsupportedError("is no tensor", place=f"constant {target or name!r}")
    data = data.detach().cpu()
    return np.asarray(data.float() if data.is_floating_point() else data)


class _Writer:
    """Writes the nodes of one call; ``several`` are the calls with more than one result."""

    def __init__(
        self, node: fx.Node, nodes: list[Node], constants: dict[str, Array], several: set[str]
    ) -> None:  # fmt: skip
        self.node, self.nodes, self.constants, self.several = node, nodes, constants, several
        self.written: dict[int, tuple[str, ...]] = {}
        self.count = 0

    def write(self) -> None:
        """Everything that the call becomes; its results are called as the call, or have their number behind that."""
        name, found = self.node.name, self._converted()
        if isinstance(found, np.ndarray):
            self.constants[name] = found
        elif isinstance(found, tuple):
            self.several.add(name)
            wanted = {user.args[1] for user in self.node.users if user.target is operator.getitem}
            for index, step in enumerate(found):
                if index in wanted:
                    self._step(step, (f"{name}.{index}",))
        elif found.outputs > 1:
            self.several.add(name)
            self._step(found, tuple(f"{name}.{index}" for index in range(found.outputs)))
        else:
            self._step(found, (name,))

    def _step(self, step: Step, outputs: tuple[str, ...]) -> None:
        names = []
        for value in step.inputs:
            if isinstance(value, Step):
                names.append(self._inner(value))
            elif isinstance(value, Part):
                names.append(self._inner(value.step, value.index))
            elif isinstance(value, np.ndarray):
                names.append(self._fresh())
                self.constants[names[-1]] = value
            else:
                names.append("" if value is None else value.name)
        self.nodes.append(Node(step.op_type, "", self.node.name, tuple(names), outputs, step.attributes))

    def _inner(self, step: Step, index: int = 0) -> str:
        """The name of what a step inside of another computes, once however often it is used."""
        if id(step) not in self.written:
            names = tuple(self._fresh() for _ in range(step.outputs))
            self._step(step, names)
            self.written[id(step)] = names
        return self.written[id(step)][index]

    def _fresh(self) -> str:
        self.count += 1
        return f"{self.node.name}/{self.count}"

    def _converted(self) -> Step | Array | tuple[Step, ...]:
        node, target = self.node, self.node.target
        if target is operator.getitem and isinstance(node.args[0], fx.Node):
            source, index = node.args[0].name, node.args[1]
            if source in self.several:
                return Step("Identity", (Result(f"{source}.{index}"),))
            if index == 0:  # the first of an operator's results is the one that is converted
                return Step("Identity", (node.args[0],))
        rule = OPERATORS.get(str(target).removeprefix("aten."))
        if rule is None or not isinstance(target, torch._ops.OpOverload):
            raise UnsupportedError(
                f"operator {target} is not known", place=f"node {node.name!r}", remedy="write it in other operators"
            )
        arguments = {}
        for index, argument in enumerate(target._schema.arguments):
            default = argument.default_value if argument.has_default_value() else None
            given = node.args[index] if index < len(node.args) else node.kwargs.get(argument.name, default)
            arguments[argument.name] = given
        return rule(Call(node, arguments, self.constants))
