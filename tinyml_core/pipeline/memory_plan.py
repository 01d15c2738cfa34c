"""The memory plan: where every buffer of a program lies and when, as plain data that the manifest keeps.

It is the plan the binary was generated from, so what ``tinyml memory`` shows of a folder is what runs.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tinyml_core.program.program import Buffer, Program
from tinyml_core.program.rows import row_count


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlacedBuffer(_Model):
    """``size`` bytes at ``offset`` of the arena, alive from step ``first`` to step ``last`` inclusive."""

    name: str
    kind: Literal["tensor", "ring", "working"]
    """A whole tensor; the ``rows`` rows of one that are alive at once; scratch, state or progress of a step."""
    size: int = Field(ge=0)
    offset: int = Field(ge=0)
    first: int = Field(ge=0)
    last: int = Field(ge=0)
    shares: str | None
    """The first buffer of the chain of operators in place that this one is part of."""
    rows: int | None
    of_rows: int | None
    """Rows of the whole tensor, of rings."""


class PlannedStep(_Model):
    """A step in order, and the bytes alive while it runs."""

    name: str
    operator: str
    kernel: str
    live_bytes: int


class PlannedSegment(_Model):
    """Steps ``first`` to ``last`` inclusive run row by row; ``pushed``: the caller brings the rows of ``source``."""

    first: int = Field(ge=0)
    last: int = Field(ge=0)
    source: str
    pushed: bool


class MemoryPlan(_Model):
    """The arena of a planned network."""

    arena_bytes: int = Field(ge=0)
    lower_bound: int = Field(ge=0)
    steps: tuple[PlannedStep, ...]
    segments: tuple[PlannedSegment, ...]
    buffers: tuple[PlacedBuffer, ...]

    @classmethod
    def of(cls, program: Program) -> MemoryPlan:
        """The plan of a program."""
        return cls(
            arena_bytes=program.arena_bytes,
            lower_bound=program.lower_bound,
            steps=tuple(
                PlannedStep(
                    name=step.node.name, operator=step.node.op.kind, kernel=step.schedule.kernel,
                    live_bytes=program.live_bytes(number),
                )
                for number, step in enumerate(program.steps)
            ),
            segments=tuple(
                PlannedSegment(first=each.first, last=each.last, source=each.source, pushed=each.pushed)
                for each in program.segments
            ),
            buffers=tuple(_placed(buffer, program) for buffer in program.buffers),
        )  # fmt: skip

    @model_validator(mode="after")
    def _agrees(self) -> MemoryPlan:
        for buffer in self.buffers:
            inside = buffer.offset + buffer.size <= self.arena_bytes
            if not inside or not buffer.first <= buffer.last < max(len(self.steps), 1):
                raise ValueError(f"buffer {buffer.name!r} lies outside the arena or the steps")
        for segment in self.segments:
            if not segment.first <= segment.last < len(self.steps):
                raise ValueError(f"the segment from step {segment.first} lies outside the steps")
        return self

    @property
    def binding(self) -> int | None:
        """The step that needs the most memory, the first of equals; None of a network without steps."""
        return max(range(len(self.steps)), key=lambda step: self.steps[step].live_bytes, default=None)

    def binding_tensor(self) -> str:
        """What sets the size of the arena, in words: the largest buffer and the step that needs the most memory."""
        if self.binding is None:
            return "nothing"
        largest = self.alive(self.binding)[0]
        return f"{largest.name} ({largest.size:,} B) in step {self.steps[self.binding].name}"

    def alive(self, step: int) -> list[PlacedBuffer]:
        """What holds something while a step runs, the largest first."""
        found = [buffer for buffer in self.buffers if buffer.first <= step <= buffer.last]
        return sorted(found, key=lambda buffer: (-buffer.size, buffer.offset))

    def segment_of(self, step: int) -> PlannedSegment | None:
        """The segment that a step is part of."""
        return next((segment for segment in self.segments if segment.first <= step <= segment.last), None)


def _placed(buffer: Buffer, program: Program) -> PlacedBuffer:
    kind: Literal["tensor", "ring", "working"] = "tensor" if buffer.tensor else "working"
    return PlacedBuffer(
        name=buffer.name, kind="ring" if buffer.rows else kind, size=buffer.size, offset=buffer.offset,
        first=buffer.first, last=buffer.last, shares=buffer.shares, rows=buffer.rows,
        of_rows=row_count(program.graph.tensors[buffer.tensor]) if buffer.tensor and buffer.rows else None,
    )  # fmt: skip
