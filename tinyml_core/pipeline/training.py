"""Training on the emulated core: a step compiled, called for sample after sample, and compared with the simulation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tinyml_core.api.generator import StepInterface
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.compilation import Compiled, CompileOptions, compile_into
from tinyml_core.pipeline.execution import Execution, differing_bytes, run_folder
from tinyml_core.pipeline.samples import Array
from tinyml_core.training.blob import layout_of
from tinyml_core.training.head import LOGITS
from tinyml_core.training.simulation import Outcome, Simulation
from tinyml_core.training.step import LOSS, RATE, SEED, TARGET, TrainingStep

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


@dataclass(frozen=True, eq=False)
class Lessons:
    """Samples in the order they are learnt, one to a step; the number of a step is its place here."""

    x: Array
    """[steps, *shape of the network's input], in its type."""
    targets: npt.NDArray[np.float32]
    """[steps, classes]."""
    rates: npt.NDArray[np.float32]
    """[steps]: learning rates."""

    def __len__(self) -> int:
        return len(self.rates)

    def __iter__(self) -> Iterator[tuple[Array, npt.NDArray[np.float32], float]]:
        return zip(self.x, self.targets, self.rates.tolist(), strict=True)

    def first(self, count: int) -> Lessons:
        """The first ``count`` of them."""
        return Lessons(self.x[:count], self.targets[:count], self.rates[:count])


def falling(rate: float, steps: int) -> npt.NDArray[np.float32]:
    """Learning rates [steps] from ``rate`` to 0 along half a cosine."""
    return np.array([rate * 0.5 * (1 + math.cos(math.pi * step / steps)) for step in range(steps)], np.float32)


def compile_step(
    folder: Path, step: TrainingStep, profile: HardwareProfile, options: CompileOptions, platform: Platform
) -> Compiled:
    """Compile a training step into an existing empty folder, first values of its variables included.

    Raises:
        UnsupportedError: the generator cannot carry out an operator.
        CapacityError: the step does not fit; names the region or step and the bytes that are missing.
        ToolchainError: no compiler is usable, or it refused the sources.
    """
    return compile_into(folder, step.whole, profile, replace(options, step=interface_of(step)), platform)


def interface_of(step: TrainingStep) -> StepInterface:
    """What the C of a step offers besides."""
    layout = layout_of(step)
    return StepInterface(
        initial={each.name: each.initial for each in step.variables},
        prediction=LOGITS,
        trained=tuple(tensor.name for tensor in layout.tensors),
        identity=layout.identity,
        samples=step.samples,
        sums=step.sums,
        accumulation=step.graph.outputs if step.samples > 1 else (),
    )


def simulate(
    simulation: Simulation, lessons: Lessons, first: int = 0, advance: Callable[[int], None] = lambda done: None
) -> list[Outcome]:
    """Learn from all lessons but those before ``first``, which ``simulation`` has learnt from."""
    outcomes = []
    for number, (x, target, rate) in enumerate(lessons):
        if number >= first:
            outcomes.append(simulation.train(x, target, rate, number))
            advance(1)
    return outcomes


def train_on_device(
    folder: Path, step: TrainingStep, lessons: Lessons, platform: Platform,
    advance: Callable[[int], None] = lambda done: None,
) -> Execution:  # fmt: skip
    """Learn from all lessons on the emulated core; the variables begin as they lie in ``folder``.

    Raises:
        InputError: the folder or the lessons do not suit.
        DeviceFault: the program faulted on the device.
    """
    inputs = {
        step.graph.inputs[0]: lessons.x,
        TARGET: lessons.targets,
        RATE: lessons.rates,
        SEED: np.arange(len(lessons), dtype=np.int32),
    }
    return run_folder(folder, inputs, platform, advance=advance)


def difference(execution: Execution, outcomes: Sequence[Outcome], simulation: Simulation) -> int:
    """Bytes that differ between the device and a simulation of the same lessons.

    Those of loss and logits of every step and of the variables after the last one.
    """
    losses = np.array([outcome.loss for outcome in outcomes], np.float32)
    logits = np.concatenate([outcome.logits for outcome in outcomes])
    return (
        differing_bytes(execution.outputs[LOSS].ravel(), losses)
        + differing_bytes(execution.outputs[LOGITS].reshape(logits.shape), logits)
        + sum(differing_bytes(execution.state[name], simulation.variables[name]) for name in execution.state)
    )
