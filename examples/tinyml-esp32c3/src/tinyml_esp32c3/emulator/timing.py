"""Timing: an estimate of cycles with its bounds, because Espressif publishes no table.

The core has four pipeline stages, issues one instruction at a time and in order. The bounds are what comparable cores
tell of themselves: Hazard3 (three stages: a load costs 1 or 2 cycles, a taken branch 2) below, SiFive's E31 (five
stages: a byte is there 3 cycles after its load, a mispredicted branch costs 3 more) above. Flash is taken to be cached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from tinyml_esp32c3.emulator.instructions import Class

MODEL = "rv32imc, four stages, estimated"


class Table(NamedTuple):
    """Cycles beyond the one that every instruction takes."""

    load: float
    multiply: float
    divide: float
    taken: float


LOW = Table(load=0.0, multiply=0.0, divide=8.0, taken=1.0)
CORE = Table(load=1.0, multiply=0.0, divide=16.0, taken=2.0)
HIGH = Table(load=2.0, multiply=4.0, divide=36.0, taken=3.0)


def cycles(counts: Mapping[Class, int], taken: int, table: Table) -> int:
    """Cycles of so many instructions of each class, ``taken`` of whose jumps and branches left the straight path."""
    more: float = sum(counts.get(name, 0) * getattr(table, name) for name in ("load", "multiply", "divide"))
    return round(sum(counts.values()) + more + taken * table.taken)


def times(counts: Counter[Class], entries: int) -> Counter[Class]:
    """The counts of ``entries`` passes."""
    return Counter({name: count * entries for name, count in counts.items()})
