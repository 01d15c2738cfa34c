"""Runners: machines, emulated or real, that execute a linked binary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from tinyml_core.api.cost_model import Basis
from tinyml_core.hardware.profile import HardwareProfile

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Cycles:
    """Core cycles at zero wait states: estimate ``core`` between ``low`` and ``high``; ``model`` names the table."""

    core: int
    low: int
    high: int
    model: str


@dataclass(frozen=True)
class FunctionProfile:
    """What one function of the binary cost, callees included only where it was named as a layer."""

    symbol: str
    instructions: int
    cycles: int


@dataclass(frozen=True)
class Measurement:
    """One call of a function.

    ``instructions_basis`` is "measured" where they were counted one by one. ``stack_bytes`` is the high-water mark
    below the stack pointer at the call.
    """

    instructions: int
    instructions_basis: Basis
    cycles: Cycles
    stack_bytes: int
    functions: tuple[FunctionProfile, ...]


def combined(measurements: Sequence[Measurement]) -> Measurement:
    """Several calls, at least one, as one: costs add up, the deepest stack counts."""
    functions: dict[str, FunctionProfile] = {}
    for row in (row for measurement in measurements for row in measurement.functions):
        seen = functions.get(row.symbol, FunctionProfile(row.symbol, 0, 0))
        functions[row.symbol] = FunctionProfile(
            row.symbol, seen.instructions + row.instructions, seen.cycles + row.cycles
        )
    cycles = [measurement.cycles for measurement in measurements]
    return Measurement(
        instructions=sum(measurement.instructions for measurement in measurements),
        instructions_basis=measurements[0].instructions_basis,
        cycles=Cycles(
            sum(each.core for each in cycles), sum(each.low for each in cycles), sum(each.high for each in cycles),
            cycles[0].model,
        ),
        stack_bytes=max(measurement.stack_bytes for measurement in measurements),
        functions=tuple(functions.values()),
    )  # fmt: skip


class Device(Protocol):
    """A binary loaded into a machine."""

    def address(self, symbol: str) -> int:
        """Address of a symbol; raises :class:`~tinyml_core.errors.InputError` when the binary has none."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Copy bytes into the device's memory."""
        ...

    def read(self, address: int, size: int) -> bytes:
        """Copy bytes out of the device's memory."""
        ...

    def call(
        self, symbol: str, arguments: Sequence[int], *, profile: bool = False, layers: Sequence[str] = ()
    ) -> tuple[int, Measurement | None]:
        """Call a function and return its result; with ``profile`` also what it cost.

        Each of the ``layers``, functions that the called one calls in turn, is profiled with all that it calls itself.

        Raises:
            DeviceFault: the program left its memory, executed nonsense or ran past the time limit.
        """
        ...


@runtime_checkable
class Runner(Protocol):
    """Loads binaries."""

    def load(self, binary: Path, profile: HardwareProfile) -> Device:
        """Reset the machine and load ``binary``.

        Raises:
            ToolchainError: the machine is not available; the message says what to install.
            UnsupportedError: the machine does not know the profile's core.
        """
        ...


def layer_costs(measurement: Measurement, layers: Sequence[str]) -> Mapping[str, FunctionProfile]:
    """The profile rows of the layer functions, by symbol."""
    wanted = set(layers)
    return {row.symbol: row for row in measurement.functions if row.symbol in wanted}
