"""The manifest: what an output folder holds and how it was made, in ``manifest.json``.

It is everything ``tinyml run`` needs besides the graph and the binary, which lie in the same folder.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from tinyml_core.errors import InputError
from tinyml_core.hardware.profile import BoardFactor, HardwareProfile, MemoryRegion
from tinyml_core.pipeline.memory_plan import MemoryPlan
from tinyml_core.validation import explain

FILE = "manifest.json"
MAX_BYTES = 4_000_000


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Region(_Model):
    """A memory region of the profile."""

    name: str
    kind: Literal["flash", "sram"]
    origin: NonNegativeInt
    size: NonNegativeInt


class Factor(_Model):
    """A measured board factor of the profile."""

    value: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    board: str
    source: str


class Profile(_Model):
    """The hardware profile the binary was linked for; a copy, so that the folder outlives the plugin."""

    name: str
    title: str
    vendor: str
    core: str
    features: tuple[str, ...]
    clock_hz: PositiveInt
    regions: tuple[Region, ...]
    sources: dict[str, str]
    board_factor: Factor | None
    milliwatts_per_megahertz: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None

    @classmethod
    def of(cls, profile: HardwareProfile) -> Profile:
        """The copy of a profile."""
        fields = asdict(profile) | {"features": tuple(sorted(profile.features)), "sources": dict(profile.sources)}
        del fields["tools"]  # the manifest names those that were used
        return cls.model_validate(fields)

    def restore(self) -> HardwareProfile:
        """The profile again."""
        return HardwareProfile(
            name=self.name, title=self.title, vendor=self.vendor, core=self.core, features=frozenset(self.features),
            clock_hz=self.clock_hz, regions=tuple(MemoryRegion(**region.model_dump()) for region in self.regions),
            sources=self.sources, milliwatts_per_megahertz=self.milliwatts_per_megahertz,
            board_factor=BoardFactor(**self.board_factor.model_dump()) if self.board_factor else None,
        )  # fmt: skip


class Port(_Model):
    """An input or output: where it lies in the arena."""

    name: str
    offset: NonNegativeInt
    size: NonNegativeInt


class Feed(_Model):
    """How the one input is fed row by row; see :class:`~tinyml_core.api.generator.RowFeed`."""

    begin: str
    rows: NonNegativeInt
    row_bytes: NonNegativeInt
    slots: NonNegativeInt


class Layer(_Model):
    """One step of the program."""

    name: str
    operator: str
    kernel: str
    function: str
    """C function, empty where the step needs no code."""
    shape: tuple[NonNegativeInt, ...]
    macs: NonNegativeInt
    estimated_cycles: float


class Sources(_Model):
    """The generated C; see :class:`~tinyml_core.api.generator.GeneratedCode`."""

    files: tuple[str, ...]
    library: tuple[str, ...]
    example: str
    header: str
    selftest: str
    arena_alignment: PositiveInt


class Learning(_Model):
    """What a training step offers besides; see :class:`~tinyml_core.api.generator.StepInterface`."""

    identity: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    """In hexadecimal."""
    trained: tuple[str, ...]
    """The state that a blob holds, in this order."""
    shipped_bytes: NonNegativeInt
    """Flash of the first values of state, where the firmware calls the function that resets."""
    samples: PositiveInt = 1
    accumulate: str = ""
    accumulation: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()


class Manifest(_Model):
    """An output folder."""

    format: Literal[1] = 1
    version: str
    network: str
    graph_digest: str
    profile: Profile
    region: str
    objective: Literal["latency", "sram"]
    input_mode: Literal["resident", "rows"] = "resident"
    rounding: str
    generator: str
    toolchain: str
    compiler: str
    runner: str
    prefix: str
    invoke: str
    feed: Feed | None = None
    arena_symbol: str
    arena_bytes: NonNegativeInt
    lower_bound: NonNegativeInt
    stack_reserve: NonNegativeInt
    stack_bound: NonNegativeInt | None = None
    """Greatest stack depth of any execution, where the toolchain can bound it."""
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    state: dict[str, str] = {}
    """Inputs that a call replaces, such as weights that learn -> the output that has the same bytes. They are written
    once; their first values lie in ``state.npz``."""
    learning: Learning | None = None
    layers: tuple[Layer, ...]
    memory: MemoryPlan
    macs: NonNegativeInt
    code_bytes: NonNegativeInt
    constant_bytes: NonNegativeInt
    static_bytes: NonNegativeInt
    sources: Sources | None = None
    """None in folders of versions that did not tell."""

    def write(self, folder: Path) -> None:
        """Write the manifest into ``folder``."""
        (folder / FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an output folder.

    Raises:
        InputError: the folder is not one ``tinyml compile`` wrote, or its manifest is damaged.
    """
    path = folder / FILE
    remedy = "give a folder written by: tinyml compile"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"is larger than {MAX_BYTES} bytes", place=str(path), remedy=remedy)
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path), remedy=remedy) from None
    except ValidationError as error:
        raise InputError(explain(error, Manifest), place=str(path), remedy=remedy) from None
