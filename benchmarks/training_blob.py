"""Blob: trained tensors of mcunet_5fps on the emulated Cortex-M7 of an STM32F767, kept, lost, read and put back.

The generated C of the step, with two slots of flash-like memory: power fails while it saves. What it predicts, exports
and resets to is compared with the simulation, and so are steps whose gradients are those of several samples.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from asked import Row
from power_failure import Board, interrupted, interrupted_everywhere
from training_accuracy import SINGLE
from training_samples import CLASSES, network, samples

from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import UpdateSelector
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.pipeline.execution import differing_bytes
from tinyml_core.pipeline.figures import sram_bytes
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.pipeline.training import Lessons, compile_step, difference, simulate, train_on_device
from tinyml_core.platform import Platform
from tinyml_core.training.blob import write_blob
from tinyml_core.training.dividing import WIDEST
from tinyml_core.training.head import FloatHead
from tinyml_core.training.simulation import Simulation
from tinyml_core.training.step import TrainingStep, build_step

TARGET, SCHEME = "stm32f767", "mcunet_5fps-49kb"
POINTS = 50
"""At which a save is interrupted."""
STEPS = 3
ACCUMULATED = 4
"""Samples to a step, where gradients are added up."""


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """Figures for ``benchmarks/training.py``; a quick run tries fewer bytes on the laptop."""
    yield from _kept(platform, every=97 if quick else 1)
    yield from _accumulated(platform, steps=1 if quick else 3)


def _step(platform: Platform, samples_of_step: int) -> TrainingStep:
    graph = apply_passes(network(), platform)
    scheme = platform.create(UpdateSelector, "sparse", {"scheme": SCHEME}).select(graph)
    rule = platform.create(TrainingOptimizer, "qas")
    return build_step(graph, scheme, rule, head=FloatHead(CLASSES), samples=samples_of_step, widest=WIDEST)


def _lessons(count: int) -> Lessons:
    images = samples("train", count)
    targets = np.eye(CLASSES, dtype=np.float32)[images.y]
    return Lessons(images.x[:, np.newaxis], targets, np.full(count, SINGLE.rate, np.float32))


def _kept(platform: Platform, every: int) -> Iterator[Row]:
    step, lessons = _step(platform, 1), _lessons(STEPS)
    simulation = Simulation(step)
    with tempfile.TemporaryDirectory() as temporary:
        board = Board(step, Path(temporary), platform, TARGET)
        assert board.call("model_reset") == 0
        old = board.variables
        wrong = sum(differing_bytes(old[each.name], each.initial) for each in step.variables)
        reset = board.instructions("model_reset")
        board.learn(lessons)
        simulate(simulation, lessons)
        wrong += differing_bytes(board.predict(lessons.x[0]), simulation.predict(lessons.x[0]))
        predict = board.instructions("model_predict")
        new = board.variables
        wrong += sum(differing_bytes(new[name], array) for name, array in simulation.variables.items())
        blob = write_blob(board.layout, simulation.variables, 7)
        wrong += differing_bytes(np.frombuffer(board.exported(7), np.uint8), np.frombuffer(blob, np.uint8))
        yield Row(
            SCHEME, "bytes of reset, prediction, state and blob that differ", wrong, at_most=0,
            note=f"after {STEPS} steps",
        )  # fmt: skip
        found = interrupted(board, old, new, POINTS, seed=1)
        yield Row(
            SCHEME, f"of {POINTS} interrupted saves on the core, neither old nor new", found.wrong, at_most=0,
            note=f"{found.old} old, {found.new} new",
        )  # fmt: skip
        found = interrupted_everywhere(board.layout, old, new, every)
        yield Row(
            SCHEME, "saves interrupted at every byte on the laptop, neither", found.wrong, at_most=0,
            note=f"{found.old:,} old, {found.new} new" + (f", every {every}th byte" if every > 1 else ""),
        )  # fmt: skip
        refused = sum(board.imported(_flipped(blob, bit)) == 2 for bit in range(0, 8 * len(blob), 8 * len(blob) // 100))
        yield Row(SCHEME, "blobs with one bit flipped that the core refused", refused, at_least=100)
        save = board.instructions("power_save")
        yield Row(
            SCHEME, "instructions of a prediction", predict,
            note=f"of a save {save:,}, of a reset {reset:,}; blob {len(blob):,} B, shipped {board.shipped_bytes:,} B",
        )  # fmt: skip


def _flipped(blob: bytes, bit: int) -> bytes:
    damaged = bytearray(blob)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def _accumulated(platform: Platform, steps: int) -> Iterator[Row]:
    step, lessons = _step(platform, ACCUMULATED), _lessons(ACCUMULATED * steps + 1)
    simulation = Simulation(step)
    outcomes = simulate(simulation, lessons)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        compiled = compile_step(folder, step, platform.target(TARGET), CompileOptions(objective="sram"), platform)
        execution = train_on_device(folder, step, lessons, platform)
    moved = sum(
        int(np.count_nonzero(execution.state[each.parameter.name] != each.initial)) for each in step.learnt
    )  # fmt: skip
    subject = f"{SCHEME}, {ACCUMULATED} samples"
    yield Row(
        subject, f"bytes of outputs and variables that differ, {len(lessons)} samples",
        execution.differing_bytes + difference(execution, outcomes, simulation), at_most=0,
        note=f"{moved:,} numbers moved",
    )  # fmt: skip
    sums = sum(4 * each.initial.size for each in step.learnt)
    yield Row(
        subject, "bytes of SRAM", sram_bytes(compiled.manifest, execution.measurement.stack_bytes)["total"],
        note=f"of it sums of gradients {sums:,}",
    )  # fmt: skip
    yield Row(subject, "instructions of the sample that updates", execution.measurement.instructions)
