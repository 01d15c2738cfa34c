"""A board whose power fails while it keeps what it learnt: a step's real C with flash-like memory, emulated."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.api.runner import Runner
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.errors import DeviceFault
from tinyml_core.pipeline.compilation import STACK_RESERVE, CompileOptions, plan_for
from tinyml_core.pipeline.training import Lessons, interface_of
from tinyml_core.platform import Platform
from tinyml_core.training.blob import CHUNK, BlobLayout, layout_of, newest, write_blob
from tinyml_core.training.head import LOGITS
from tinyml_core.training.step import RATE, SEED, TARGET, TrainingStep

Array = npt.NDArray[Any]
SOURCE = Path(__file__).with_name("power_failure.c")
UNLIMITED = 0xFFFFFFFF


class Board:
    """A training step on the emulated core, with what its C offers besides."""

    def __init__(
        self, step: TrainingStep, folder: Path, platform: Platform, target: str, toolchain: str = "zig"
    ) -> None:
        profile, options = platform.target(target), CompileOptions(objective="sram")
        program = plan_for(step.whole, profile, options, platform)
        code = platform.create(CodeGenerator, "tinyengine").generate(program, "model", interface_of(step))
        for name, text in code.files.items():
            (folder / name).write_text(text, encoding="ascii")
        shutil.copy(SOURCE, folder)
        binary = platform.create(Toolchain, toolchain).build(
            [folder / "model.c", folder / SOURCE.name], folder / "power.elf", profile, region=program.region,
            stack=STACK_RESERVE,
        )  # fmt: skip
        self.shipped_bytes, self.flash_bytes = code.shipped_bytes, binary.code + binary.constants
        self.arena_bytes = program.arena_bytes
        self._step, self._samples = step, 0
        self._device = platform.create(Runner, "unicorn").load(binary.path, profile)
        self._arena = self._device.address("model_arena")
        self._slots, self.layout = self._device.address("power_slots"), layout_of(step)
        self._inputs = {name: self._arena + program.buffer_of(name).offset for name in program.graph.inputs}
        self._logits = self._arena + program.buffer_of(LOGITS).offset
        self._cut(UNLIMITED)

    def call(self, symbol: str) -> int:
        """The result of a function that takes the arena, or nothing."""
        return self._device.call(symbol, [self._arena])[0]

    def instructions(self, symbol: str) -> int:
        """What a call of a function takes."""
        measurement = self._device.call(symbol, [self._arena], profile=True)[1]
        assert measurement is not None
        return measurement.instructions

    def learn(self, lessons: Lessons) -> None:
        """Learn from all of them, as the simulation does."""
        for number, (x, target, rate) in enumerate(lessons):
            self._write(self._step.graph.inputs[0], x)
            self._write(TARGET, target)
            self._write(RATE, np.float32(rate))
            self._write(SEED, np.int32(number))
            self._samples += 1
            last = self._samples % self._step.samples == 0
            assert self.call("model_invoke" if last else "model_accumulate") == 0

    def predict(self, x: Array) -> Array:
        """The logits [1, classes] of a sample."""
        self._write(self._step.graph.inputs[0], x)
        assert self.call("model_predict") == 0
        logits = self._step.whole.tensors[LOGITS]
        return np.frombuffer(self._device.read(self._logits, logits.bytes), np.float32).reshape(logits.shape)

    def exported(self, sequence: int) -> bytes:
        """The blob that ``model_export`` writes, over the first slot."""
        assert self._device.call("model_export", [self._arena, sequence, self._slots])[0] == 0
        return self.slots[0]

    def imported(self, blob: bytes) -> int:
        """What ``model_import`` says to a blob, which is put into the first slot."""
        self._device.write(self._slots, blob[: self.layout.size])
        return self._device.call("model_import", [self._arena, self._slots, len(blob)])[0]

    @property
    def variables(self) -> dict[str, Array]:
        """All state, by name."""
        found = {}
        for each in self._step.variables:
            data = self._device.read(self._inputs[each.name], each.initial.nbytes)
            found[each.name] = np.frombuffer(data, each.initial.dtype).reshape(each.initial.shape)
        return found

    def trained(self) -> dict[str, Array]:
        """What a blob would hold; sums of gradients have to be zeros, as where a step begins."""
        variables = self.variables
        assert not any(variables[name].any() for name in self._step.sums)
        return {tensor.name: variables[tensor.name] for tensor in self.layout.tensors}

    @property
    def slots(self) -> tuple[bytes, bytes]:
        """What lies in the two slots."""
        size = self.layout.size
        data = self._device.read(self._slots, 2 * size)
        return data[:size], data[size:]

    def lose_power(self, rng: np.random.Generator) -> None:
        """What lay in SRAM is lost."""
        self._device.write(self._arena, rng.bytes(self.arena_bytes))

    def keep(self, before: Mapping[str, Array], slots: tuple[bytes, bytes], left: int, torn: int) -> bool:
        """Save ``before`` beside ``slots``, with power for so many bytes; whether the function came to its end."""
        self._device.write(self._slots, b"".join(slots))
        for name, array in before.items():
            self._write(name, array)
        self._cut(left, torn)
        try:
            assert self.call("power_save") == 0
            return True
        except DeviceFault:
            return False
        finally:
            self._cut(UNLIMITED)

    def _cut(self, left: int, torn: int = 0) -> None:
        self._device.write(self._device.address("power_left"), left.to_bytes(4, "little"))
        self._device.write(self._device.address("power_torn"), bytes([torn]))

    def _write(self, name: str, array: Array | np.generic) -> None:
        self._device.write(self._inputs[name], np.ascontiguousarray(array).tobytes())


@dataclass(frozen=True)
class Outcomes:
    """What the loader found after interruptions: counts."""

    old: int = 0
    new: int = 0
    wrong: int = 0
    """A mixture, nothing, or not what the laptop found in the same slots."""

    def with_one(
        self, found: Mapping[str, Array] | None, old: Mapping[str, Array], new: Mapping[str, Array]
    ) -> Outcomes:
        """One more."""
        if found is not None and _same(found, old):
            return Outcomes(self.old + 1, self.new, self.wrong)
        if found is not None and _same(found, new):
            return Outcomes(self.old, self.new + 1, self.wrong)
        return Outcomes(self.old, self.new, self.wrong + 1)


def interrupted(board: Board, old: Mapping[str, Array], new: Mapping[str, Array], points: int, seed: int) -> Outcomes:
    """Save ``new`` on the core, ``old`` being the newest blob, with power that fails at random points, then load.

    Half of the points lie anywhere in erasing and writing, half at the last bytes, where old becomes new.
    """
    rng, size, outcomes = np.random.default_rng(seed), board.layout.size, Outcomes()
    for number in range(points):
        left = int(rng.integers(2 * size)) if number % 2 else 2 * size - int(rng.integers(8))
        slots = _before(board.layout, old, newer=number // 2 % 2)
        whole = board.keep(new, slots, left, int(rng.integers(256)))
        board.lose_power(rng)
        laptop = newest(board.layout, board.slots)
        loaded = board.trained() if board.call("power_restore") == 0 else None
        if laptop is None or loaded is None or not _same(laptop.variables, loaded):
            loaded = None  # the laptop finds something else
        elif whole and not _same(loaded, new):
            loaded = None  # what was kept is lost
        outcomes = outcomes.with_one(loaded, old, new)
    return outcomes


def interrupted_everywhere(
    layout: BlobLayout, old: Mapping[str, Array], new: Mapping[str, Array], step: int = 1
) -> Outcomes:
    """The same on the laptop, at every ``step``-th byte, on flash and on memory that needs no erasing."""
    blob, outcomes = write_blob(layout, new, 3), Outcomes()
    slots = _before(layout, old, newer=0)
    for image in _images(slots[1], blob, step):
        found = newest(layout, (slots[0], image))
        outcomes = outcomes.with_one(found.variables if found else None, old, new)
    return outcomes


def _images(stale: bytes, blob: bytes, step: int) -> Iterator[bytes]:
    """A slot while ``blob`` replaces ``stale``: erased byte by byte, or its last chunk overwritten, then written."""
    size = len(blob)
    blank = b"\xff" * size
    for erased, first in ((blank, 0), (stale[:-CHUNK] + blank[-CHUNK:], size - CHUNK)):
        for end in range(first, size, step):
            yield erased[:end] + stale[end:]
        for end in range(0, size + 1, step):
            yield blob[:end] + erased[end:]


def _before(layout: BlobLayout, old: Mapping[str, Array], newer: int) -> tuple[bytes, bytes]:
    """Slots of which the one called ``newer`` holds ``old`` and the other something older yet."""
    oldest = {name: np.bitwise_not(array.view(np.uint8)).view(array.dtype) for name, array in old.items()}
    blobs = (write_blob(layout, old, 2), write_blob(layout, oldest, 1))
    return (blobs[newer], blobs[1 - newer])


def _same(left: Mapping[str, Array], right: Mapping[str, Array]) -> bool:
    return all(left[name].tobytes() == right[name].tobytes() for name in left)
