"""Assembly: the graph as it grows, operator by operator, and one operator as its converter sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinyml_core.errors import InputError, TinyMLError, UnsupportedError
from tinyml_core.graph.graph import Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import Reshape
from tinyml_core.graph.tensor import Array, DType, Quantization, Tensor
from tinyml_plugins.importers.tflite.schema import Model, OperatorRecord, SubGraph, TensorRecord
from tinyml_plugins.importers.tflite.tensors import convert_tensor


class Assembly:
    """Tensors by index of the file, converted when first asked for, and the nodes so far."""

    def __init__(self, model: Model, subgraph: SubGraph, place: str) -> None:
        self.place = place
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self._model, self._records = model, subgraph.tensors
        self._names = _unique_names([record.name for record in subgraph.tensors])
        self._converted: dict[int, Tensor] = {}

    def tensor(self, index: int) -> Tensor:
        """The tensor of an index.

        Raises:
            InputError: there is no such tensor or buffer, or it is damaged.
            UnsupportedError: it is of an unknown kind.
        """
        if index not in self._converted:
            record, place = self._record(index)
            if record.buffer >= len(self._model.buffers):
                raise InputError(f"refers to buffer {record.buffer}; there are {len(self._model.buffers)}", place=place)
            buffer = self._model.buffers[record.buffer] if record.buffer else None
            self.update(index, convert_tensor(record, self._names[index], buffer, place))
        return self._converted[index]

    def variable(self, index: int) -> Tensor:
        """A tensor that keeps its value between inferences, as it is declared; graphs have none.

        Raises:
            InputError: there is no such tensor, it is damaged or no variable.
            UnsupportedError: it is of an unknown kind.
        """
        record, place = self._record(index)
        if not record.is_variable:
            raise InputError("is no variable, but a state", place=place, remedy="convert the network again")
        return convert_tensor(replace(record, is_variable=False), self._names[index], None, place)

    def _record(self, index: int) -> tuple[TensorRecord, str]:
        """The record of an index, and how errors name it."""
        if not 0 <= index < len(self._records):
            raise InputError(
                f"refers to tensor {index}; there are {len(self._records)}", place=self.place,
                remedy="get the file again",
            )  # fmt: skip
        return self._records[index], f"{self.place}, tensor {index} ({self._names[index]!r})"

    def update(self, index: int, tensor: Tensor) -> None:
        """File ``tensor`` under an index of the file."""
        self._converted[index] = self.tensors[tensor.name] = tensor

    def new(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """A tensor that the file does not have, of type and quantisation of ``like``; ``name`` is made unique."""
        return self._file(Tensor(name, tuple(shape), like.dtype, like.quantization))

    def constant(self, name: str, data: Array, quantization: Quantization | None) -> Tensor:
        """A constant that the file does not have; ``name`` is made unique."""
        return self._file(Tensor(name, data.shape, DType(data.dtype.name), quantization, data))

    def _file(self, tensor: Tensor) -> Tensor:
        taken = {*self._names, *self.tensors}
        name = tensor.name
        while name in taken:
            name += "_"
        self.tensors[name] = replace(tensor, name=name)
        return self.tensors[name]


@dataclass(frozen=True)
class Call:
    """One operation of the file: what a converter reads, and where it puts the nodes that compute the same."""

    assembly: Assembly
    index: int
    name: str
    record: OperatorRecord

    def refuse(self, reason: str, *, remedy: str = "") -> TinyMLError:
        """The error to raise for what graphs cannot express."""
        return UnsupportedError(reason, place=self._place, remedy=remedy)

    def damaged(self, reason: str) -> TinyMLError:
        """The error to raise for what makes no sense."""
        return InputError(reason, place=self._place, remedy="convert the network again")

    def has(self, position: int) -> bool:
        """Whether an optional input is given."""
        return position < len(self.record.inputs) and self.record.inputs[position] != -1

    def any_input(self, position: int) -> Tensor:
        """An input of any quantisation, such as weights."""
        if not self.has(position):
            raise self.damaged(f"lacks input {position}")
        return self.assembly.tensor(self.record.inputs[position])

    def input(self, position: int = 0) -> Tensor:
        """An input with at most one scale."""
        return self._single_scale(self.any_input(position))

    def inputs(self) -> list[Tensor]:
        """All inputs, none of which may be left out."""
        return [self.input(position) for position in range(len(self.record.inputs))]

    @property
    def outputs(self) -> list[Tensor]:
        """All outputs."""
        return [self._single_scale(self.assembly.tensor(index)) for index in self.record.outputs]

    @property
    def output(self) -> Tensor:
        """The first output, which is the only one of most operators."""
        return self.outputs[0]

    def integers(self, position: int) -> tuple[int, ...]:
        """The elements of a constant integer input, in row order."""
        tensor = self.any_input(position)
        if tensor.data is None:
            raise self.refuse(f"computes its input {position} ({tensor.name!r}), which must be a constant")
        if tensor.dtype not in (DType.INT32, DType.INT64):
            raise self.damaged(f"has {tensor.dtype.value} as input {position}, int32 or int64 is needed")
        return tuple(int(value) for value in tensor.data.ravel().tolist())

    def integer(self, position: int) -> int:
        """The only element of a constant integer input."""
        values = self.integers(position)
        if len(values) != 1:
            raise self.damaged(f"has {len(values)} elements in input {position}, one is needed")
        return values[0]

    def pair(self, position: int) -> tuple[int, int]:
        """The two elements of a constant integer input."""
        values = self.integers(position)
        if len(values) != 2:
            raise self.damaged(f"has {len(values)} elements in input {position}, two are needed")
        return values[0], values[1]

    def axis(self, value: int, rank: int) -> int:
        """An axis counted from the front."""
        return self.axes([value], rank)[0]

    def axes(self, values: Sequence[int], rank: int) -> tuple[int, ...]:
        """Axes counted from the front, each once."""
        if any(not -rank <= value < rank for value in values):
            raise self.damaged(f"has axes {list(values)[:8]} for a tensor of {rank}")
        return tuple(sorted({value % rank for value in values}))

    def require_no_activation(self, number: int) -> None:
        """Refuse a fused activation where none is defined."""
        if number:
            raise self.refuse(f"has the fused activation number {number}, which is not known here")

    def emit(self, op: Operator, *inputs: Tensor, outputs: Sequence[Tensor] = (), part: str = "") -> None:
        """Add a node, to the first output by default; ``part`` tells it from others of the same operation."""
        name = f"{op.title}_{self.index}{part}"
        results = tuple(tensor.name for tensor in outputs or [self.output])
        self.assembly.nodes.append(Node(name, op, tuple(tensor.name for tensor in inputs), results))

    def reshaped(self, tensor: Tensor, shape: tuple[int, ...], part: str = "") -> Tensor:
        """``tensor`` under another shape."""
        if tensor.shape == shape:
            return tensor
        target = self.assembly.new(f"{self.output.name}_input{part}", shape, tensor)
        self.emit(Reshape(shape), tensor, outputs=[target], part=f"_input{part}")
        return target

    def emit_reshaped(
        self, op: Operator, *inputs: Tensor, shape: tuple[int, ...], wanted: tuple[int, ...] | None = None
    ) -> None:
        """Add a node that computes ``shape``, and where the output's differs, one that gives it that.

        ``wanted``: what the output's shape must be, where that is known.
        """
        output = self.output
        if wanted is not None and output.shape != wanted:
            raise self.damaged(f"computes {list(wanted)}, but its output has shape {list(output.shape)}")
        if output.shape == shape:
            self.emit(op, *inputs)
            return
        computed = self.assembly.new(f"{output.name}_flat", shape, output)
        self.emit(op, *inputs, outputs=[computed])
        self.emit(Reshape(output.shape), computed, part="_output")

    def fold(self, data: Array, quantization: Quantization | None) -> None:
        """Make the output a constant."""
        output = self.assembly.tensor(self.record.outputs[0])
        self.assembly.update(
            self.record.outputs[0], replace(output, data=data.reshape(output.shape), quantization=quantization)
        )

    def _single_scale(self, tensor: Tensor) -> Tensor:
        if tensor.quantization is not None and tensor.quantization.axis is not None:
            raise self.refuse(f"uses {tensor.name!r}, which has one scale per channel, where one for all is needed")
        return tensor

    @property
    def _place(self) -> str:
        return f"{self.assembly.place}, operator {self.index} ({self.name})"


def _unique_names(names: Sequence[str]) -> list[str]:
    """The names, numbered where they are empty or taken."""
    taken = set(names)
    seen: set[str] = set()
    unique = []
    for index, name in enumerate(names):
        if not name or name in seen:
            name = f"{name or 'tensor'}_{index}"
            while name in taken or name in seen:
                name += "_"
        seen.add(name)
        unique.append(name)
    return unique
