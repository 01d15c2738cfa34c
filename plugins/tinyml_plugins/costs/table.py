"""Cost tables: what layers cost on one core behind one toolchain, as measured, with where the figures come from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.input_file import require_file
from tinyml_plugins.costs.features import Features

LARGEST = 1 << 24
"""Bytes above which a file is no cost table; the shipped ones have about 50 000."""

_Count = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Rate(_Data):
    """What each feature of a layer costs; features that are left out cost nothing."""

    per: Mapping[str, _Count]
    error: _Count
    """Relative error that 95 of 100 layers kept out of the fit stay below."""

    def of(self, features: Features) -> float:
        """The cost of a layer."""
        return sum(rate * features.get(name, 0.0) for name, rate in self.per.items())


class Family(_Data):
    """Layers that run the same code, and how many of them were measured."""

    samples: Annotated[int, Field(ge=1)]
    instructions: Rate
    cycles: Rate


class CostTable(_Data):
    """Costs by family of layers, with their provenance."""

    format: Literal[1] = 1
    core: str
    toolchain: str
    compiler: str
    """Name and version."""
    timing: str
    """The table by which the emulator turned instructions into cycles."""
    generator: str
    kernels: str
    """:func:`~tinyml_plugins.costs.kernels.fingerprint` of the code that was measured."""
    version: str
    """Of tinyml-core."""
    date: str
    seed: int
    samples: Annotated[int, Field(ge=1)]
    """Layers measured."""
    stack_bytes: Annotated[int, Field(ge=0)]
    """Deepest stack of any layer."""
    cycles_per_instruction: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """Over all layers; for those whose family is not in the table."""
    families: Mapping[str, Family]


def read_table(path: Path) -> CostTable:
    """The table in a file written by ``tinyml calibrate-costs``.

    Raises:
        InputError: it cannot be read, or is no cost table.
    """
    require_file(path)
    if path.stat().st_size > LARGEST:
        raise InputError(f"is larger than {LARGEST} bytes", place=str(path), remedy="this is no cost table")
    return _parsed(path.read_bytes(), str(path))


@lru_cache(maxsize=32)
def shipped_table(core: str, toolchain: str) -> CostTable:
    """The table that comes with the plugin.

    Raises:
        UnsupportedError: there is none for this core and toolchain; the message lists those there are.
    """
    folder = files("tinyml_plugins.costs") / "tables"
    file = folder / f"{core}-{toolchain}.json"
    if not file.is_file():
        known = sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))
        raise UnsupportedError(
            f"no costs were measured for core {core} and toolchain {toolchain}",
            place="cost model emulated-latency",
            remedy=f"run `tinyml calibrate-costs --core {core} --toolchain {toolchain}` and name its file as option "
            f"`table`, or use cost model analytic; shipped are {', '.join(known)}",
        )
    return _parsed(file.read_bytes(), str(file))


def _parsed(content: bytes, place: str) -> CostTable:
    try:
        return CostTable.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"is no cost table: {where}: {first['msg']}", place=place, remedy="write one with `tinyml calibrate-costs`"
        ) from None
