"""The schema of a profile file: what a YAML must say before it becomes a HardwareProfile.

Every problem of a file is reported at once, each with its key and remedy. Names and texts are restricted to what can
safely reach a linker script or a terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from tinyml_core.errors import InputError
from tinyml_core.hardware.profile import BoardFactor, HardwareProfile, MemoryRegion, Tools
from tinyml_core.suggestion import did_you_mean

_ADDRESS_SPACE = 2**32
_SHOWN = 30
_ALWAYS_SOURCED = ("core", "features", "clock_hz", "regions")
_SOURCED = (*_ALWAYS_SOURCED, "milliwatts_per_megahertz")


def _problem(problem: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError("profile", "{problem}", {"problem": problem, "remedy": remedy})


def _printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise _problem("is empty or holds control characters", "write one line of plain text")
    return text


Text = Annotated[str, Field(max_length=400), AfterValidator(_printable)]
Word = Annotated[str, Field(pattern=r"\A[a-z0-9]+([-.+][a-z0-9]+)*\z", max_length=40)]
Component = Annotated[str, Field(pattern=r"\A([A-Za-z0-9_.-]+:)?[a-z0-9]+(-[a-z0-9]+)*\z", max_length=80)]
RegionName = Annotated[str, Field(pattern=r"\A[A-Z][A-Z0-9_]*\z", max_length=32)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class RegionSection(_Section):
    """One memory region."""

    kind: Literal["flash", "sram"] = Field(description="flash or sram")
    origin: int = Field(ge=0, description="the address of the first byte, such as 0x20000000")
    size: int = Field(gt=0, description="the number of bytes, such as 0x40000")

    @field_validator("size")
    @classmethod
    def _ends_within_the_address_space(cls, size: int, info: ValidationInfo) -> int:
        if info.data.get("origin", 0) + size > _ADDRESS_SPACE:
            raise _problem("the region ends beyond the 32-bit address space", "correct origin or size")
        return size


class BoardFactorSection(_Section):
    """A measured ratio of board time to estimated cycles."""

    value: float = Field(gt=0, le=100, description="measured time on the board over estimated time, such as 1.25")
    board: Text = Field(description="the board it was measured on")
    source: Text = Field(description="who published the measurement")


class ToolsSection(_Section):
    """The components that know the part, by name."""

    generator: Component = Field(default=Tools.generator, description="a code generator's name")
    kernels: list[Component] = Field(default=[], description="a list of names of kernels for the code generator")
    toolchain: Component | None = Field(default=None, description="a toolchain's name")
    runner: Component = Field(default=Tools.runner, description="a runner's name")


class ProfileFile(_Section):
    """A profile file; ``sources`` names the document behind each figure."""

    name: Word = Field(description="the file's name without .yaml")
    title: Text = Field(description="the part's name in full")
    vendor: Text = Field(description="the part's maker")
    core: Word = Field(description="the processor core, such as cortex-m4")
    features: list[Word] = Field(description="a list such as [dsp, fpu-sp], empty when there are none")
    clock_hz: int = Field(ge=1_000_000, le=10**11, description="the highest clock in Hz, such as 216000000")
    regions: dict[RegionName, RegionSection] = Field(description="a mapping of region names to kind, origin and size")
    board_factor: BoardFactorSection | None = Field(default=None, description="a mapping of value, board and source")
    milliwatts_per_megahertz: float | None = Field(default=None, gt=0, description="mW/MHz in run mode, such as 0.15")
    tools: ToolsSection = Field(
        default=ToolsSection(), description="a mapping of generator, kernels, toolchain and runner to their names"
    )
    sources: dict[str, Text] = Field(description="a mapping of keys of this file to the documents they are from")

    @field_validator("name")
    @classmethod
    def _matches_the_file(cls, name: str, info: ValidationInfo) -> str:
        stem = (info.context or {}).get("stem", name)
        if name != stem:
            raise _problem(f"{name!r} is not the file's name", f"call the file {name}.yaml or write name: {stem[:40]}")
        return name

    @field_validator("features")
    @classmethod
    def _once_each(cls, features: list[str]) -> list[str]:
        if len(set(features)) != len(features):
            raise _problem("a feature stands twice", "name each feature once")
        return features

    @field_validator("regions")
    @classmethod
    def _complete_and_disjoint(cls, regions: dict[str, RegionSection]) -> dict[str, RegionSection]:
        for kind in ("flash", "sram"):
            if all(region.kind != kind for region in regions.values()):
                raise _problem(f"there is no {kind} region", f"add one of kind: {kind}")
        in_order = sorted(regions.items(), key=lambda item: item[1].origin)
        for (left, below), (right, above) in pairwise(in_order):
            if below.origin + below.size > above.origin:
                raise _problem(f"{left} and {right} overlap at {above.origin:#x}", "correct their origins or sizes")
        return regions

    @field_validator("sources")
    @classmethod
    def _behind_each_figure(cls, sources: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        wanted = [key for key in _SOURCED if key in _ALWAYS_SOURCED or info.data.get(key) is not None]
        if missing := [key for key in wanted if key not in sources]:
            raise _problem(f"no source for {', '.join(missing)}", "name the datasheet or manual behind each")
        for key in sources:
            if key not in _SOURCED:
                raise _problem(f"{key[:40]!r} needs no source", _suggestion(key, _SOURCED))
        return sources


_SECTIONS: dict[str, type[_Section]] = {
    "regions": RegionSection,
    "board_factor": BoardFactorSection,
    "tools": ToolsSection,
}


def profile_of(document: object, path: Path) -> HardwareProfile:
    """Check what a profile file holds.

    Raises:
        InputError: it breaks the schema; every problem is listed with its key and remedy.
    """
    if not isinstance(document, dict):
        raise InputError("is no mapping", place=str(path), remedy="start with 'name: ' and the file's name")
    try:
        file = ProfileFile.model_validate(document, context={"stem": path.stem})
    except ValidationError as error:
        raise _explained(error, str(path)) from None
    values = {key: getattr(file, key) for key in ("name", "title", "vendor", "core", "clock_hz", "sources")}
    return HardwareProfile(
        **values,
        features=frozenset(file.features),
        regions=tuple(MemoryRegion(name, **region.model_dump()) for name, region in file.regions.items()),
        board_factor=BoardFactor(**file.board_factor.model_dump()) if file.board_factor else None,
        milliwatts_per_megahertz=file.milliwatts_per_megahertz,
        tools=Tools(**file.tools.model_dump() | {"kernels": tuple(file.tools.kernels)}),
    )


def _explained(error: ValidationError, place: str) -> InputError:
    problems = []
    for details in error.errors(include_url=False):
        key = ".".join(_shown(part) for part in details["loc"] if part != "[key]")
        problems.append((key, *_problem_and_remedy(details)))
    if len(problems) == 1:
        key, problem, remedy = problems[0]
        return InputError(problem, place=f"{place}: {key}", remedy=remedy)
    listed = "; ".join(f"{key}: {problem} ({remedy})" for key, problem, remedy in problems[:_SHOWN])
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return InputError(f"{len(problems)} problems: {listed}{more}", place=place, remedy="correct them in the file")


def _problem_and_remedy(details: ErrorDetails) -> tuple[str, str]:
    section, description = _field(details["loc"])
    if details["type"] == "profile":
        return details["ctx"]["problem"], details["ctx"]["remedy"]
    if details["type"] == "extra_forbidden":
        return "unknown key", _suggestion(str(details["loc"][-1]), list(section.model_fields))
    if details["type"] == "missing":
        return "missing", f"write {description}"
    if "[key]" in details["loc"]:
        return "a region's name is capital letters, digits and underscores", "rename it"
    return f"{_shown(details['input'])} is not accepted: {details['msg']}", f"write {description}"


def _field(location: Sequence[int | str]) -> tuple[type[_Section], str]:
    """The section a location is in, and the description of the innermost field it names."""
    section: type[_Section] = ProfileFile
    description = ""
    for part in location:
        if isinstance(part, str) and part in section.model_fields:
            description = section.model_fields[part].description or ""
            if part not in _SECTIONS:
                break
            section = _SECTIONS[part]
    return section, description


def _suggestion(word: str, known: Sequence[str]) -> str:
    return did_you_mean(word[:40], known) or f"choose among {', '.join(known)}"


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever the file holds
    """A value of the file on one short line without control characters."""
    text = value if isinstance(value, str) and value.isidentifier() else ascii(value)
    return text if len(text) <= 40 else text[:37] + "..."
