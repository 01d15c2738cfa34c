"""Schedule: one way a code generator can carry out one node, and what that way needs.

Kernels declare, the planner chooses: nothing about memory is decided inside a kernel.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What a kernel needs for a node."""

    kernel: str
    """The generator's name of the kernel."""
    cycles: float
    """Estimated cycles on the profile's core, zero wait states."""
    scratch: int = 0
    """Bytes of working memory alive during this step only."""
    in_place: tuple[int, ...] = ()
    """Inputs whose memory the output may start at and overwrite, when nobody reads them afterwards."""
    alias: bool = False
    """The output *is* the first input's bytes: the step costs neither memory nor instructions."""
    alignment: int = 4
    """Bytes to which every buffer of this step is aligned."""
    flash: int = 0
    """Bytes of constants the kernel reads (weights, biases, tables)."""
    rows: bool = False
    """One output row per call, inputs read by row: such a step can be part of a segment, and only of a segment."""
    state: int = 0
    """Bytes carried from row to row, of schedules by row only; the kernel initialises them at its first row."""
