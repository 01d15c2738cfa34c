"""The tuning cache: what `tinyml tune` measured, one JSON object a line, in the user's cache folder.

Lines are only ever appended, so that a killed run loses at most the line it was writing. A measurement belongs to one
version of the kernels: lines of another one, and damaged lines, are left out, and the log says how many.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tinyml_core.api.generator import CodeGenerator, ExtensibleGenerator
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule

_log = logging.getLogger(__name__)
LARGEST_FILE = 64_000_000
LARGEST_LINE = 2_000


class Entry(BaseModel):
    """What one way to carry out a layer costs, alone in a network."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: str
    """Digest of the code generator's sources."""
    layer: str
    kernel: str
    rows: bool
    instructions: int = Field(gt=0)
    cycles: int = Field(gt=0)
    toolchain: str


def tuning_file() -> Path:
    """``tinyml-core/tuning.jsonl`` in ``XDG_CACHE_HOME``, else in ``~/.cache``."""
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(chosen) if chosen else Path.home() / ".cache") / "tinyml-core" / "tuning.jsonl"


def generator_version(generator: CodeGenerator) -> str:
    """Digest of all sources of the packages that the generator's and its kernels' classes lie in, and its options."""
    kernels = generator.kernels.values() if isinstance(generator, ExtensibleGenerator) else ()
    digest = hashlib.sha256(repr(generator).encode())
    for home in (Path(inspect.getfile(type(each))).parent for each in (generator, *kernels)):
        for path in sorted(path for path in home.rglob("*") if path.is_file() and path.suffix != ".pyc"):
            digest.update(str(path.relative_to(home)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def layer_key(node: Node, graph: Graph, profile: HardwareProfile) -> str:
    """Digest of what a layer's cost follows from: operator, shapes, types and zero points, rounding and core.

    The values of weights do not count.
    """
    tensors = [
        (tensor.shape, tensor.dtype.value, tensor.data is None, tensor.quantization is None,
         tensor.zero_point if tensor.quantization is not None else 0)
        for tensor in (*graph.inputs_of(node), *graph.outputs_of(node))
    ]  # fmt: skip
    same = [node.inputs.index(name) for name in node.inputs]
    told = (repr(node.op), same, tensors, graph.rounding.value, profile.core, sorted(profile.features))
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


@dataclass
class TuningCache:
    """The measurements of one version of a code generator."""

    path: Path
    version: str
    entries: dict[tuple[str, str, bool], Entry] = field(default_factory=dict)
    """By layer, kernel and whether it runs row by row; the latest of equals."""

    @classmethod
    def read(cls, generator: CodeGenerator, path: Path | None = None) -> TuningCache:
        """The cache in ``path``, empty where there is none.

        Raises:
            InputError: the file cannot be read, or is larger than it may be.
        """
        cache = cls(path or tuning_file(), generator_version(generator))
        damaged = stale = 0
        for line in _lines(cache.path):
            try:
                entry = Entry.model_validate_json(line)
            except ValidationError:
                damaged += 1
                continue
            if entry.version == cache.version:
                cache.entries[entry.layer, entry.kernel, entry.rows] = entry
            else:
                stale += 1
        if damaged:
            _log.warning("%s: %d damaged lines are ignored; delete the file to be rid of them", cache.path, damaged)
        if stale:
            _log.info("%s: %d measurements of other versions of the kernels are ignored", cache.path, stale)
        return cache

    def add(self, entry: Entry) -> None:
        """Keep a measurement, in the file too.

        Raises:
            InputError: the file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as stream:
                stream.write(b"\n" + entry.model_dump_json().encode() + b"\n")  # a torn line before stays alone
        except OSError as error:
            raise InputError(
                f"cannot be written: {error.strerror}", place=str(self.path), remedy="set XDG_CACHE_HOME"
            ) from None
        self.entries[entry.layer, entry.kernel, entry.rows] = entry

    def of(self, key: str, schedule: Schedule) -> Entry | None:
        """The measurement of a schedule of the layer ``key``."""
        return self.entries.get((key, schedule.kernel, schedule.rows))

    def knows(self, key: str) -> bool:
        """Whether anything was measured of the layer ``key``."""
        return any(layer == key for layer, _, _ in self.entries)

    def cycles(self, key: str, schedules: list[Schedule]) -> Mapping[int, float]:
        """Measured cycles by index; none unless all are measured, since estimates cannot be compared with them."""
        found = [self.of(key, schedule) for schedule in schedules]
        known = [entry for entry in found if entry is not None]
        return {i: float(entry.cycles) for i, entry in enumerate(known)} if len(known) == len(schedules) else {}


def _lines(path: Path) -> list[bytes]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"is larger than {LARGEST_FILE} bytes", place=str(path), remedy="delete it")
        return [line[:LARGEST_LINE] for line in path.read_bytes().split(b"\n") if line.strip()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path), remedy="delete it") from None
