"""The project file: what ``tinyml build`` and ``tinyml search`` are told, checked before anything runs.

Every key has a default, so an empty file (or none) is the demonstration job: find, train, quantise, compile and prove a
network for the embedded digits on an STM32F746. Components are chosen by name, with options of their own::

    target: stm32f412
    dataset: {name: npz, options: {path: gestures.npz}}
    search:
      strategy: {name: evolution, options: {population: 12}}
      limits: {sram_bytes: 64000, flash_bytes: 200000}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tinyml_core.errors import InputError
from tinyml_core.validation import explain
from tinyml_core.yaml_reader import parse_scalar, read_yaml


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Reference(_Section):
    """A component chosen by name, with its options; a bare string is a name without options."""

    name: str = Field(description="name, or plugin:name where two plugins use one name")
    options: dict[str, Any] = Field(default_factory=dict, description="see: tinyml show KIND NAME")


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Choice = Annotated[Reference, BeforeValidator(_named, json_schema_input_type=str | Reference)]


class TargetReference(_Section):
    """A component chosen by name, the target's own where there is none, with its options."""

    name: str | None = Field(default=None, description="the target's own by default: tinyengine, unicorn")
    options: dict[str, Any] = Field(default_factory=dict, description="see: tinyml show KIND NAME")


TargetChoice = Annotated[TargetReference, BeforeValidator(_named, json_schema_input_type=str | TargetReference)]
_KERNELS = "names of kernels that the generator takes beside its own and the target's"
_TOOLCHAIN = "the target's own or the first usable one by default: zig, then gcc"


class SearchSection(_Section):
    """How the network is found."""

    space: Choice = Reference(name="tiny")
    strategy: Choice = Reference(name="evolution")
    baseline: Choice | None = Field(
        default=Reference(name="random"),
        description="a second strategy given the same evaluations, for an honest comparison",
    )
    evaluator: Choice = Reference(name="training", options={"steps": 120})
    cost_models: tuple[Choice, ...] | None = Field(
        default=None, strict=False, description="analytic, with the compile section's generator and objective"
    )
    executor: Choice = Reference(name="processes")
    workers: int = Field(default=2, ge=1, le=1024)
    evaluations: int = Field(default=32, ge=1, description="candidates evaluated by each strategy")
    draws: int = Field(default=2000, ge=1, description="candidates costed at most, by each strategy")
    limits: dict[str, float] = Field(
        default_factory=lambda: {"sram_bytes": 4e3, "flash_bytes": 48e3, "macs": 250e3},
        description="greatest value of each cost a network may have",
    )
    cache: str | None = Field(
        default=None,
        min_length=1,
        description="file that keeps accuracies from one search to the next, by a hash of network, evaluator, dataset "
        "and seed",
    )
    objectives: tuple[str, ...] | None = Field(
        default=None,
        strict=False,
        description="costs kept low beside the accuracy: told as a Pareto front, and minimised by strategies such as "
        "nsga2; the limited ones by default",
    )


class CompileSection(_Section):
    """How the network becomes a program."""

    generator: TargetChoice = TargetReference()
    kernels: tuple[str, ...] = Field(default=(), strict=False, description=_KERNELS)
    toolchain: Choice | None = Field(default=None, description=_TOOLCHAIN)
    runner: TargetChoice = TargetReference()
    objective: Literal["latency", "sram"] = "latency"
    input_mode: Literal["resident", "rows"] = Field(
        default="resident", description="whether the input lies in memory as a whole or is pushed row by row"
    )
    rounding: Literal["tflite", "single"] | None = Field(default=None, description="the graph's own by default")
    sram: int | None = Field(default=None, ge=1, description="bytes the network may use; the region's size by default")
    region: str | None = Field(default=None, description="memory region of the arena; the largest SRAM by default")
    prefix: str = Field(
        default="model", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$", description="starts every public C name"
    )
    without: tuple[str, ...] = Field(default=(), strict=False, description="passes left out, see: tinyml passes")


class CompileComponents(_Section):
    """What ``tinyml compile`` works with, each with options that ``--set`` reaches."""

    generator: TargetChoice = TargetReference()
    kernels: tuple[str, ...] = Field(default=(), strict=False, description=_KERNELS)
    toolchain: Choice | None = Field(default=None, description=_TOOLCHAIN)
    quantizer: Choice = Field(default=Reference(name="ptq"), description="of a float network, where it is calibrated")


class AdaptComponents(_Section):
    """What ``tinyml adapt`` works with, each with options that ``--set`` reaches."""

    data: Choice = Reference(name="npz")
    selector: Choice = Field(default=Reference(name="bias-only"), description="chooses what learns")
    optimizer: Choice = Field(default=Reference(name="qas"), description="the update rule")
    generator: TargetChoice = TargetReference()
    kernels: tuple[str, ...] = Field(default=(), strict=False, description=_KERNELS)
    toolchain: Choice | None = Field(default=None, description=_TOOLCHAIN)


class PluginSection(_Section):
    """Which plugins take part."""

    disable: tuple[str, ...] = Field(default=(), strict=False, description="never imported")


class Project(_Section):
    """A whole job."""

    name: str = Field(default="digits", pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$")
    target: str = Field(default="stm32f746", description="see: tinyml targets")
    seed: int = Field(default=0, ge=0, lt=2**32)
    dataset: Choice = Reference(name="digits")
    search: SearchSection = SearchSection()
    training: Choice = Reference(name="training", options={"steps": 2000, "shift": 1})
    quantizer: Choice = Reference(name="qat")
    compile: CompileSection = CompileSection()
    plugins: PluginSection = PluginSection()
    reporters: tuple[Choice, ...] = Field(default=(Reference(name="html"),), strict=False)


def read_project(path: Path | None, overrides: Sequence[tuple[str, str]] = ()) -> Project:
    """The project in ``path`` (the default one without), changed by (``key.key``, value as text) overrides.

    Raises:
        InputError: lists every problem with its place.
    """
    data = read_yaml(path) if path is not None else {}
    place = str(path) if path is not None else "--set"
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise InputError("holds no settings, but a list or a single value", place=place, remedy="see: tinyml schema")
    return _validated(Project, data, overrides, place)


def read_components(overrides: Sequence[tuple[str, str]]) -> CompileComponents:
    """The default components changed by (``key.key``, value as text) overrides.

    Raises:
        InputError: lists every problem with its place.
    """
    return _validated(CompileComponents, {}, overrides, "--set")


def read_adapt_components(overrides: Sequence[tuple[str, str]]) -> AdaptComponents:
    """The default components of an adaptation changed by (``key.key``, value as text) overrides.

    Raises:
        InputError: lists every problem with its place.
    """
    return _validated(AdaptComponents, {}, overrides, "--set")


S = TypeVar("S", bound=_Section)


def _validated(model: type[S], data: dict[str, Any], overrides: Sequence[tuple[str, str]], place: str) -> S:
    for dotted, text in overrides:
        _override(model, data, dotted, text)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        remedy = "see: tinyml schema" if model is Project else f"set one of {', '.join(model.model_fields)}"
        raise InputError(explain(error, model), place=place, remedy=remedy) from None


def _override(model: type[_Section], data: dict[str, Any], dotted: str, text: str) -> None:
    *path, last = dotted.split(".")
    section = data
    for depth, key in enumerate(path):
        below = section.get(key)
        if isinstance(below, str):  # a component chosen by its bare name gains options
            below = {"name": below}
        elif below is None:
            below = _default(model, path[: depth + 1])
        if not isinstance(below, dict):
            raise InputError(f"{key!r} is no section", place=f"--set {dotted}")
        section[key] = below = dict(below)
        section = below
    section[last] = parse_scalar(text)


def _default(model: type[_Section], path: Sequence[str]) -> dict[str, Any]:
    """The default of a section that ``--set`` reaches into, so that setting one option keeps the others."""
    value: object = model().model_dump()
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
