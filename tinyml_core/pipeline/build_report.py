"""The report of a build: ``report.json``, read back from an output folder that somebody else may have filled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from tinyml_core.errors import InputError
from tinyml_core.validation import explain

REPORT_FILE = "report.json"
LARGEST_FILE = 32_000_000

Real = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class SramBytes(_Model):
    """Parts of SRAM."""

    arena: NonNegativeInt
    static: NonNegativeInt
    stack: NonNegativeInt
    total: NonNegativeInt


class FlashBytes(_Model):
    """Parts of flash."""

    weights: NonNegativeInt
    code: NonNegativeInt
    total: NonNegativeInt


class Cycles(_Model):
    """Cycles of one inference, estimated."""

    core: NonNegativeInt
    low: NonNegativeInt
    high: NonNegativeInt
    model: str


class Milliseconds(_Model):
    """Time of one inference, estimated."""

    low: Real
    high: Real
    board: str


class LayerCost(_Model):
    """What a layer cost on the emulator."""

    name: str
    instructions: NonNegativeInt
    cycles: NonNegativeInt


class Trial(_Model):
    """A network that a search evaluated."""

    number: NonNegativeInt
    accuracy: Share
    costs: dict[str, Real] = {}
    choices: dict[str, Any] = {}


class Search(_Model):
    """What a search found."""

    strategy: str
    costed: NonNegativeInt
    evaluated: NonNegativeInt
    best: Trial
    objectives: tuple[str, ...]
    front: tuple[Trial, ...]
    trials: tuple[Trial, ...]


class Point(_Model):
    """A point of a training curve."""

    step: NonNegativeInt
    loss: Real


class Curve(_Model):
    """A training curve."""

    title: str
    points: tuple[Point, ...]


class StageTime(_Model):
    """A stage and what it took."""

    name: str
    seconds: Real


class PluginVersion(_Model):
    """A plugin that took part."""

    name: str
    distribution: str
    version: str


class Execution(_Model):
    """A run on the emulated core: what ``tinyml run --json`` prints."""

    samples: NonNegativeInt
    exact: bool
    differing_bytes: NonNegativeInt
    instructions: NonNegativeInt
    instructions_basis: str
    cycles: Cycles
    milliseconds: Milliseconds
    sram_bytes: SramBytes
    flash_bytes: FlashBytes
    layers: tuple[LayerCost, ...]


class BuildReport(Execution):
    """What ``tinyml build`` and ``tinyml adapt`` write."""

    name: str | None = None
    seed: int | None = None
    steps: int | None = None
    accuracy: dict[Literal["float", "int8", "emulated", "before", "after"], Share] = {}
    dataset: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    search: Search | None = None
    baseline: Search | None = None
    curves: tuple[Curve, ...] = ()
    stages: tuple[StageTime, ...] = ()
    plugins: tuple[PluginVersion, ...] = ()


def read_build_report(folder: Path) -> BuildReport | None:
    """The report in ``folder``; None where the network was compiled only.

    Raises:
        InputError: the file is damaged or too large.
    """
    path = folder / REPORT_FILE
    if not path.is_file():
        return None
    remedy = "give a folder written by: tinyml build"
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"is larger than {LARGEST_FILE} bytes", place=str(path), remedy=remedy)
        return BuildReport.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path), remedy=remedy) from None
    except ValidationError as error:
        raise InputError(explain(error, BuildReport), place=str(path), remedy=remedy) from None
