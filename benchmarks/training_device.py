"""Device: training steps of mcunet_5fps on the emulated Cortex-M7 of an STM32F746, beside the simulation.

QAS, batch 1, 128 pixels, a new float32 head with 10 classes, CIFAR-10 images. Bytes of loss, logits and variables are
compared after every step; SRAM counts the arena, static data and the stack that was measured.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from asked import Row
from training_accuracy import SINGLE
from training_samples import CLASSES, network, samples

from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import UpdateSelector
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.pipeline.figures import flash_bytes, sram_bytes
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.pipeline.training import Lessons, compile_step, difference, simulate, train_on_device
from tinyml_core.platform import Platform
from tinyml_core.training.head import FloatHead
from tinyml_core.training.simulation import Simulation
from tinyml_core.training.step import build_step

TARGET = "stm32f746"
STEPS, QUICK_STEPS = 20, 2


@dataclass(frozen=True)
class Asked:
    """The most that a step of a scheme may need, and how it is divided."""

    sram_bytes: int
    instructions: int | None
    widest: int
    """Bytes above which a gradient is computed in parts."""


SCHEMES = {
    "mcunet_5fps-49kb": Asked(sram_bytes=136_000, instructions=70_000_000, widest=32_768),
    "mcunet_5fps-99kb": Asked(sram_bytes=180_000, instructions=None, widest=10_240),
}


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """Figures for ``benchmarks/training.py``; a quick run takes fewer steps."""
    for name, asked in SCHEMES.items():
        yield from _measured(platform, name, asked, QUICK_STEPS if quick else STEPS)


def _measured(platform: Platform, name: str, asked: Asked, steps: int) -> Iterator[Row]:
    graph, images = apply_passes(network(), platform), samples("train", steps)
    scheme = platform.create(UpdateSelector, "sparse", {"scheme": name}).select(graph)
    learning = build_step(
        graph, scheme, platform.create(TrainingOptimizer, "qas"), head=FloatHead(CLASSES), widest=asked.widest
    )
    targets = np.eye(CLASSES, dtype=np.float32)[images.y]
    lessons = Lessons(images.x[:, np.newaxis], targets, np.full(steps, SINGLE.rate, np.float32))
    simulation = Simulation(learning)
    outcomes = simulate(simulation, lessons)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        compiled = compile_step(folder, learning, platform.target(TARGET), CompileOptions(objective="sram"), platform)
        execution = train_on_device(folder, learning, lessons, platform)
    manifest, measured = compiled.manifest, execution.measurement
    moved = sum(int(np.count_nonzero(execution.state[each.name] != each.initial)) for each in learning.variables)
    yield Row(
        name, f"bytes of outputs and variables that differ, {steps} steps",
        execution.differing_bytes + difference(execution, outcomes, simulation), at_most=0,
        note=f"{moved:,} numbers moved",
    )  # fmt: skip
    sram, flash = sram_bytes(manifest, measured.stack_bytes), flash_bytes(manifest)
    yield Row(
        name, "bytes of SRAM", sram["total"], at_most=asked.sram_bytes,
        note=f"arena {sram['arena']:,}, stack {sram['stack']:,}, bound by {manifest.memory.binding_tensor()}",
    )  # fmt: skip
    yield Row(name, "instructions per step", measured.instructions, at_most=asked.instructions)
    yield Row(
        name, "bytes of flash", flash["total"],
        at_most=platform.target(TARGET).largest("flash").size,
        note=f"weights {flash['weights']:,}, code {flash['code']:,}",
    )  # fmt: skip
