"""The arena as an array of bytes, and the steps of a program on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.reference import prepare_results
from tinyml_core.graph.tensor import DType, Tensor
from tinyml_core.program.program import ARRIVAL, Program, Segment
from tinyml_core.program.rows import calls, needed_rows, reduces_rows, row_bytes, row_count

Array = npt.NDArray[Any]


def run_program(program: Program, inputs: Mapping[str, Array], seed: int = 0) -> dict[str, Array]:
    """The outputs of the planned network; raises AssertionError when something does not last as long as it must."""
    return _Run(program, inputs, np.random.default_rng(seed)).outputs()


class _Run:
    def __init__(self, program: Program, inputs: Mapping[str, Array], rng: np.random.Generator) -> None:
        self.program, self.graph, self.rng, self.inputs = program, program.graph, rng, inputs
        self.arena = rng.integers(0, 256, program.arena_bytes, np.uint8)
        self.kernels = [prepare_results(node, program.graph) for node in program.graph.nodes]
        pushed = {segment.source for segment in program.segments if segment.pushed}
        for name, array in inputs.items():
            if name not in pushed:
                self.write(name, array)
        number = 0
        while number < len(program.steps):
            segment = program.segment_of(number)
            if segment is None:
                self.whole(number)
                number += 1
            else:
                assert segment.first == number
                self.segment(segment)
                number = segment.last + 1

    def outputs(self) -> dict[str, Array]:
        return {name: self.read(name) for name in self.graph.outputs}

    def whole(self, number: int) -> None:
        step = self.program.steps[number]
        assert not step.schedule.rows
        self.spoil(step.scratch)
        results = self.kernels[number]([self.read(name) for name in step.node.inputs])
        if step.schedule.alias:
            assert self.slot(step.node.outputs[0], None) == self.slot(step.node.inputs[0], None)
        for name, result in zip(step.node.outputs, results, strict=True):
            self.write(name, result)

    def segment(self, segment: Segment) -> None:
        done = [0] * (segment.last - segment.first + 1)
        self.kept: dict[int, dict[str, Array]] = {}
        arrived = 0
        place = self.program.buffer(segment.progress) if segment.progress else None
        for event in segment.order:
            if event != ARRIVAL:
                self.row(segment.first + event, done[event])
                done[event] += 1
            elif segment.pushed:
                assert place is not None
                kept = self.arena[place.offset : place.offset + place.size]
                assert not arrived or (kept == arrived % 251).all(), "the place in the segment was overwritten"
                kept[:] = (arrived + 1) % 251
                row = np.ascontiguousarray(self.inputs[segment.source][:, arrived])
                self.arena[self.slot(segment.source, arrived)] = row.view(np.uint8).ravel()
                arrived += 1
        nodes = self.graph.nodes[segment.first : segment.last + 1]
        assert done == [calls(node, self.graph) for node in nodes]
        assert not segment.pushed or arrived == row_count(self.graph.tensors[segment.source])

    def row(self, number: int, row: int) -> None:
        """One call of a step of a segment: the node on noise in which only the rows it needs are right."""
        step = self.program.steps[number]
        node = step.node
        assert step.schedule.rows
        self.spoil(step.scratch)
        if reduces_rows(node, self.graph):
            self.reduce(number, row)
            return
        values = [self.needed(number, index, row) for index in range(len(node.inputs))]
        for name, result in zip(node.outputs, self.kernels[number](values), strict=True):
            self.arena[self.slot(name, row)] = np.ascontiguousarray(result[:, row]).view(np.uint8).ravel()

    def reduce(self, number: int, row: int) -> None:
        step = self.program.steps[number]
        node, last = step.node, calls(step.node, self.graph) - 1
        state = self.program.buffer(step.state) if step.state else None
        mark = np.full(state.size, number % 251, np.uint8) if state else np.empty(0, np.uint8)
        if state:
            place = slice(state.offset, state.offset + state.size)
            if row:
                assert (self.arena[place] == mark).all(), "the state of a reduction was overwritten"
            self.arena[place] = mark
        gathered = self.kept.setdefault(number, {"rows": self.noise(self.graph.tensors[node.inputs[0]])})["rows"]
        gathered[:, row] = self.needed(number, 0, row)[:, row]
        if row == last:
            values = [gathered, *(self.read(name) for name in node.inputs[1:])]
            for name, result in zip(node.outputs, self.kernels[number](values), strict=True):
                self.arena[self.slot(name, 0)] = np.ascontiguousarray(result).view(np.uint8).ravel()

    def needed(self, number: int, index: int, row: int) -> Array:
        node = self.graph.nodes[number]
        tensor = self.graph.tensors[node.inputs[index]]
        if tensor.data is not None:
            return tensor.data
        value = self.noise(tensor)
        if row_count(tensor) == 1:
            return self.read(tensor.name) if needed_rows(node, self.graph, index, row) else value
        for each in needed_rows(node, self.graph, index, row):
            found = self.arena[self.slot(tensor.name, each)].copy()
            value[:, each] = found.view(tensor.dtype.numpy).reshape(value[:, each].shape)
        return value

    def slot(self, name: str, row: int | None) -> slice:
        """Where a row lies in the arena, or the whole tensor."""
        buffer, tensor = self.program.buffer_of(name), self.graph.tensors[name]
        if row is None:
            assert buffer.rows is None, f"{name} is a ring and was used as a whole"
            return slice(buffer.offset, buffer.offset + buffer.size)
        size = row_bytes(tensor)
        at = buffer.offset + row % (buffer.rows or row_count(tensor)) * size
        assert at + size <= buffer.offset + buffer.size
        return slice(at, at + size)

    def read(self, name: str) -> Array:
        tensor = self.graph.tensors[name]
        if tensor.data is not None:
            return tensor.data
        return self.arena[self.slot(name, None)].copy().view(tensor.dtype.numpy).reshape(tensor.shape)

    def write(self, name: str, array: Array) -> None:
        self.arena[self.slot(name, None)] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)

    def spoil(self, scratch: str | None) -> None:
        if scratch is not None:
            buffer = self.program.buffer(scratch)
            self.arena[buffer.offset : buffer.offset + buffer.size] = self.rng.integers(0, 256, buffer.size, np.uint8)

    def noise(self, tensor: Tensor) -> Array:
        if tensor.dtype is DType.FLOAT32:
            return self.rng.normal(0, 100, tensor.shape).astype(np.float32)
        if tensor.dtype is DType.BOOL:
            return self.rng.integers(0, 2, tensor.shape).astype(np.bool_)
        return self.rng.integers(*tensor.dtype.limits, tensor.shape, tensor.dtype.numpy, endpoint=True)
