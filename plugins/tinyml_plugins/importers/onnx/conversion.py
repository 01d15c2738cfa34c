"""Conversion: one walk over the network in execution order.

Real numbers that a DequantizeLinear makes stay integers on the device. A node that reads only such numbers and whose
result is quantised again becomes one integer node, and takes the clamps in between with it; any other computes in
float, as the file says. What moves elements stays in whatever its input is.
"""

from __future__ import annotations

from dataclasses import replace

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.operators import IDENTITY
from tinyml_core.graph.operators.window import Activation
from tinyml_core.graph.tensor import DType, Quantization
from tinyml_plugins.importers.onnx.computing import computed
from tinyml_plugins.importers.onnx.converters import CONVERTERS, Converter, Results, integers
from tinyml_plugins.importers.onnx.converters.elementwise import limits
from tinyml_plugins.importers.onnx.converters.folding import FOLDS, fold
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.inputs import input_variable
from tinyml_plugins.importers.onnx.network import Network, Node, printable
from tinyml_plugins.importers.onnx.ports import finished
from tinyml_plugins.importers.onnx.quantization import has_constant_scale, parameters, quantized
from tinyml_plugins.importers.onnx.values import Constant, Value, Variable


def convert(network: Network) -> Graph:
    """The graph of ``network``, not verified.

    Raises:
        InputError: a node lacks an input or contradicts itself.
        UnsupportedError: a node cannot be expressed; names it.
        GraphError: shapes do not fit.
    """
    return _Conversion(network).run()


class _Conversion:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.emitter = Emitter(network.name)
        self.values: dict[str, Value] = {name: Constant(name, data) for name, data in network.constants.items()}
        self.absorbed: set[Node] = set()

    def run(self) -> Graph:
        for port in self.network.inputs:
            self.values[port.name] = input_variable(port, self.network, self.emitter)
        for node in self.network.nodes:
            if node not in self.absorbed:
                self.node(node)
        return finished(self.network, self.emitter, self.values)

    def node(self, node: Node) -> None:
        if node.domain == "" and node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            self.crossing(node)
            return
        inputs = tuple(self.values[name] if name else None for name in node.inputs)
        if (node.domain, node.op_type) in FOLDS and fold(node, inputs, self.emitter, self.values):
            return
        converter = CONVERTERS.get((node.domain, node.op_type))
        if converter is None:
            raise UnsupportedError(
                f"operator {printable(node.op_type)} {f'of {node.domain} ' if node.domain else ''}is not known",
                place=node.place, remedy="tinyml inspect lists what is",
            )  # fmt: skip
        unknown = sorted(set(node.attributes) - converter.attributes)
        if unknown:
            raise UnsupportedError(f"attribute {printable(unknown[0])!r} is not known", place=node.place)
        if not converter.least <= len(inputs) <= converter.most or None in inputs[: converter.least]:
            raise InputError(f"has {len(inputs)} inputs, takes {converter.least} to {converter.most}", place=node.place)
        if not any(node.outputs):
            raise InputError("has no output", place=node.place)
        found = self.convert(node, converter, inputs)
        results: tuple[Value, ...] = found if isinstance(found, tuple) else (found,)
        for name in filter(None, node.outputs[len(results) :]):
            if name in self.network.consumers or name in self.network.output_names:
                raise UnsupportedError(f"its further output {name!r} is used", place=node.place)
        self.values.update({name: value for name, value in zip(node.outputs, results, strict=False) if name})

    def convert(
        self, node: Node, converter: Converter, inputs: tuple[Value | None, ...]
    ) -> Results | tuple[Constant, ...]:
        name, opset = next(filter(None, node.outputs)), self.network.opset
        variables = [value for value in inputs[: converter.operands] if isinstance(value, Variable)]
        if not variables and (converter.alike or not any(isinstance(value, Variable) for value in inputs)):
            return computed(node, opset, converter, inputs)
        if not variables:
            variables = [self.as_variable(inputs[0])]
            inputs = (*variables, *inputs[1:])
        if converter.moves:
            quantization = self.emitter.tensor(variables[0]).quantization
            return converter.convert(Call(node, opset, inputs, name, variables[0].dtype, quantization), self.emitter)
        narrow = {value.dtype for value in variables} & integers.PLAIN.keys()
        if narrow and not converter.raw:
            return self.in_plain_integers(Call(node, opset, inputs, name, DType.INT32), converter, narrow)
        target = self.target(node) if self.in_integers(inputs[: converter.operands]) else None
        if target is not None and converter.integers(target[0]) and (converter.clamps or target[1] == IDENTITY):
            quantization, activation, chain = target
            self.absorbed.update(chain)
            last = chain[-1]
            call = Call(node, opset, inputs, last.outputs[0], DType.FLOAT32, quantization, activation)
            variable = converter.convert(call, self.emitter)
            assert isinstance(variable, Variable)
            dtype = parameters(last, self.network.constants).on_device(last)[1]
            self.values[last.outputs[0]] = replace(variable, dtype=dtype)
            return variable
        real = tuple(
            value and _as_real(value)
            if not isinstance(value, Variable)
            else value
            if value.dtype in integers.PLAIN
            else self.emitter.dequantized(value)
            for value in inputs
        )
        return converter.convert(Call(node, opset, real, name, DType.FLOAT32), self.emitter)

    def in_plain_integers(self, call: Call, converter: Converter, narrow: set[DType]) -> Results:
        """Narrow integers without a scale: computed in int32, and narrow again where the result has the same type."""
        wide = tuple(value and integers.widened(call, self.emitter, value) for value in call.inputs)
        found = converter.convert(replace(call, inputs=wide), self.emitter)
        if len(narrow) > 1 or isinstance(found, tuple) or converter.alike or call.node.op_type == "Cast":
            return found
        return integers.narrowed(call, self.emitter, found, *narrow) if found.dtype is DType.INT32 else found

    def as_variable(self, value: Value | None) -> Variable:
        """A constant put into the graph, as the numbers it stands for."""
        assert isinstance(value, Constant)
        data = _as_real(value).data
        handle = self.emitter.constant(value.name, data)
        return Variable(handle, self.emitter.builder.tensor(handle).dtype, tuple(range(data.ndim)))

    def in_integers(self, operands: tuple[Value | None, ...]) -> bool:
        """Whether all operands are real numbers that integers stand for."""
        return all(
            value is not None
            and (self.emitter.tensor(value) if isinstance(value, Variable) else value).quantization is not None
            for value in operands
        )

    def target(self, node: Node) -> tuple[Quantization, Activation, list[Node]] | None:
        """How the result is quantised: the scale, the clamps on the way, and the nodes that say so."""
        low, high = IDENTITY
        chain: list[Node] = []
        name = node.outputs[0]
        while True:
            readers = self.network.consumers.get(name, ())
            if name in self.network.output_names or len(readers) != 1 or readers[0].inputs.count(name) != 1:
                return None
            reader = readers[0]
            if reader.inputs[0] != name or len(reader.outputs) != 1 or not reader.outputs[0]:
                return None
            chain.append(reader)
            name = reader.outputs[0]
            if reader.domain == "" and reader.op_type == "QuantizeLinear":
                if not has_constant_scale(reader, self.network.constants):
                    return None
                return parameters(reader, self.network.constants).on_device(reader)[0], (low, high), chain
            clamp = limits(reader, [self.values.get(each) for each in reader.inputs])
            if clamp is None:
                return None
            low, high = (min(max(bound, clamp[0]), clamp[1]) for bound in (low, high))

    def is_computed(self, node: Node, value: Variable) -> bool:
        """Whether a crossing is computed step by step: not by one constant scale, or by another than ``value`` has."""
        if not 2 <= len(node.inputs) <= 3 or not all(node.inputs[:2]) or set(node.attributes) - {"axis"}:
            return False
        if not has_constant_scale(node, self.network.constants):
            return True
        found = parameters(node, self.network.constants)
        plain = integers.PLAIN.get(value.dtype)
        return (
            plain is not None
            and self.emitter.tensor(value).quantization == plain
            and (found.on_device(node)[0] != plain)
        )

    def crossing(self, node: Node) -> None:
        """QuantizeLinear and DequantizeLinear."""
        value = self.values[node.inputs[0]] if node.inputs and node.inputs[0] else None
        if value is None or not node.outputs or not node.outputs[0]:
            raise InputError("lacks its input or output", place=node.place)
        name = node.outputs[0]
        quantises = node.op_type == "QuantizeLinear"
        if isinstance(value, Variable) and self.is_computed(node, value):
            inputs = tuple(self.values[each] if each else None for each in node.inputs)
            real = self.emitter.dequantized(value) if quantises else value
            call = Call(node, self.network.opset, (real, *inputs[1:]), name, DType.FLOAT32)
            self.values[name] = (integers.quantize if quantises else integers.dequantize)(call, self.emitter)
            return
        if isinstance(value, Constant):
            found = parameters(node, self.network.constants, None if quantises else value.data)
            if not quantises:
                self.values[name] = Constant(value.name, value.data, found.quantization)
            elif found.quantization.axis is None and found.dtype in ("int8", "uint8"):
                self.values[name] = Constant(value.name, quantized(value.real, found))
            else:
                raise UnsupportedError("quantises a constant per channel", place=node.place, remedy="fold it")
            return
        quantization, dtype = parameters(node, self.network.constants).on_device(node)
        tensor = self.emitter.tensor(value)
        if quantises:
            if value.dtype is not DType.FLOAT32:
                raise InputError("quantises what is integers already", place=node.place)
            self.values[name] = self.emitter.quantized(name, value, quantization, dtype)
        elif value.dtype is not dtype or tensor.quantization != quantization:
            raise UnsupportedError(
                f"reads {node.inputs[0]!r} with another scale, zero point or type than it was written with",
                place=node.place,
            )
        else:
            self.values[name] = replace(value, dtype=DType.FLOAT32)


def _as_real(value: Constant) -> Constant:
    return value if value.quantization is None else Constant(value.name, value.real)
