"""Figures of a build, as they lie in a folder or in a file with what a command printed.

A build is a folder that ``tinyml build`` or ``tinyml compile`` wrote, or a file with what a command printed under
``--json``. Either may come from a repository or from another machine: what is read is bounded and checked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tinyml_core.errors import InputError
from tinyml_core.input_file import require_file
from tinyml_core.pipeline import manifest as manifests
from tinyml_core.pipeline.build_report import REPORT_FILE
from tinyml_core.pipeline.figures import flash_bytes, sram_bytes
from tinyml_core.pipeline.manifest import read_manifest
from tinyml_core.validation import explain

MAX_BYTES = 32_000_000
"""A report: that of a search names every network it tried."""
LONGEST_PROBLEM = 400
"""Characters told of what is wrong in a file."""
_REMEDY = "give a folder of tinyml build or tinyml compile, or a file with what tinyml run --json printed"

Count = Annotated[int, Field(ge=0, le=2**62, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Name = Annotated[str, Field(max_length=10_000)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Sram(_Model):
    arena: Count
    static: Count
    stack: Count
    total: Count


class _Flash(_Model):
    weights: Count
    code: Count
    total: Count


class _Cycles(_Model):
    core: Count
    low: Count
    high: Count
    model: Name


class _Accuracy(_Model):
    float: Share | None = None
    int8: Share | None = None
    emulated: Share | None = None
    after: Share | None = None
    """After learning on the device."""


class _Layer(_Model):
    name: Name
    kernel: Name
    instructions: Count | None = None


class Build(_Model):
    """The figures of a build; what it did not measure is None."""

    network: Name
    target: Name
    sram_bytes: _Sram
    flash_bytes: _Flash
    macs: Count
    parameters: Count | None = None
    exact: bool | None = None
    instructions: Count | None = None
    instructions_basis: Literal["exact", "measured", "estimated"] = "measured"
    cycles: _Cycles | None = None
    accuracy: _Accuracy | None = None
    layers: Annotated[tuple[_Layer, ...], Field(max_length=100_000)]


def read_build(path: Path) -> Build:
    """The figures in a folder or file.

    Raises:
        InputError: it is neither, or is damaged; one sentence.
    """
    try:
        folder, report = path.is_dir(), path / REPORT_FILE
        if folder and not report.exists():
            return _of_manifest(path)
    except OSError as error:
        raise InputError(f"cannot be reached: {error.strerror}", place=str(path), remedy=_REMEDY) from None
    return _read_report(report if folder else path)


def _of_manifest(folder: Path) -> Build:
    """What is known without running the binary."""
    if not (folder / manifests.FILE).exists():
        raise InputError(f"holds neither {REPORT_FILE} nor {manifests.FILE}", place=str(folder), remedy=_REMEDY)
    found = read_manifest(folder)
    return Build.model_validate({
        "network": found.network, "target": found.profile.name, "macs": found.macs,
        "sram_bytes": sram_bytes(found, found.stack_reserve), "flash_bytes": flash_bytes(found),
        "layers": [{"name": layer.name, "kernel": layer.kernel} for layer in found.layers],
    })  # fmt: skip


def _read_report(path: Path) -> Build:
    place = str(path)
    require_file(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"is larger than {MAX_BYTES} bytes", place=place, remedy=_REMEDY)
        return Build.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=place, remedy=_REMEDY) from None
    except ValidationError as error:
        problems = explain(error, Build)
        told = problems if len(problems) <= LONGEST_PROBLEM else f"{problems[:LONGEST_PROBLEM]}..."
        raise InputError(told, place=place, remedy=_REMEDY) from None
