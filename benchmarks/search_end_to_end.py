"""End to end: a project of real images for an STM32F412, from search to binary, against random networks.

The project is built as a user would build it: search, training, quantisation-aware training, compilation, and every
test image on the emulated core. Then the network found is trained with three seeds, and three random networks of the
same space, within the same limits, with as many steps of the same recipe. Asked: minutes of it all, a mean accuracy on
the test images above that of the random networks, and a binary that is exact within the memory of the microcontroller.

The test images play no part in search and training: validation images are split off the training images. The interval
of the difference is Welch's over the runs, whose spread holds the choice of the random networks and the seeds, widened
by what other test images would change (standard error of the difference over the images).
"""

from __future__ import annotations

import math
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from asked import Row
from numpy.typing import NDArray
from scipy.stats import t as student

from tinyml_core.api.dataset import Dataset, DatasetSource
from tinyml_core.api.evaluator import Evaluator
from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.api.resolution import suited
from tinyml_core.config import Project
from tinyml_core.graph.graph import Graph
from tinyml_core.pipeline.accuracy import predictions
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.pipeline.searching import Problem, pose
from tinyml_core.platform import Platform, PlatformSettings
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.limits import Limits

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "cifar10_subset.npz"
TARGET, WORKERS = "stm32f412", 2
FRAME = 33.0
"""Milliseconds that an image may take: 30 images a second."""
SEEDS = (0, 1, 2)
"""Of the trainings of the network found."""
RANDOM = (1, 2, 3)
"""Of the random networks: of the draw, and of the training."""
SPACE: Mapping[str, object] = {
    "stem_widths": [8, 16, 24, 32], "stage_widths": [[8, 16, 24, 32], [16, 32, 48, 64], [32, 64, 96, 128]],
    "expansions": [2, 3, 4, 6],
}  # fmt: skip
"""Of ``tiny``: wide enough that the largest networks break the limit of time."""

Right = NDArray[np.bool_]
"""Whether each test image [images] is classified rightly."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What is spent, in steps of 64 images."""

    evaluations: int
    search_steps: int
    """Of each training in the search."""
    steps: int
    """Of each training that is compared."""
    fine_tuning: int
    """Steps with the rounding in the loop."""
    images: tuple[int, int] = (10_000, 2000)
    """The first so many for training and test."""


FULL = Budget(evaluations=48, search_steps=400, steps=2000, fine_tuning=300)
QUICK = Budget(evaluations=6, search_steps=20, steps=60, fine_tuning=10, images=(2000, 100))


def project(data: Path, budget: Budget, platform: Platform) -> Project:
    """The project that is built."""
    profile = platform.target(TARGET)
    recipe = {"batch_size": 64, "shift": 3}
    return Project.model_validate({
        "name": "photographs",
        "target": TARGET,
        "dataset": {"name": "npz", "options": {"path": str(data)}},
        "search": {
            "space": {"name": "tiny", "options": SPACE},
            "strategy": {"name": "evolution", "options": {"population": 10, "tournament": 5}},
            "baseline": None,
            "evaluator": {"name": "training", "options": recipe | {"steps": budget.search_steps}},
            "cost_models": ["analytic", "emulated-latency"],
            "limits": {
                "sram_bytes": profile.largest("sram").size,
                "flash_bytes": profile.largest("flash").size,
                "milliseconds": FRAME,
            },
            "evaluations": budget.evaluations,
            "workers": WORKERS,
        },
        "training": {"name": "training", "options": recipe | {"steps": budget.steps}},
        "quantizer": {"name": "qat", "options": {"steps": budget.fine_tuning, "batch_size": 64, "shift": 3}},
    })  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A network trained by the project's recipe; carried out by a worker."""

    settings: PlatformSettings
    project: Project
    graph: Graph
    seed: int

    def __call__(self) -> Right:
        """The trained network on the test images."""
        platform, chosen = Platform.from_settings(self.settings), self.project.training
        data = suited(load(self.project, platform), self.graph)
        trained = platform.create(Evaluator, chosen.name, chosen.options).evaluate(self.graph, data, self.seed).graph
        assert trained is not None, "the project's evaluator trains"
        folded = apply_passes(trained, platform, self.project.compile.without)
        return np.asarray(predictions(folded, data.test) == data.test.y)


def load(project: Project, platform: Platform) -> Dataset:
    """The project's data."""
    return platform.create(DatasetSource, project.dataset.name, project.dataset.options).load(project.seed)


def random_network(problem: Problem, limits: Limits, seed: int) -> tuple[Candidate, Mapping[str, float]]:
    """The first network within the limits that a generator of this seed draws, and its costs."""
    rng = np.random.default_rng(seed)
    while True:
        candidate = problem.space.sample(rng)
        costs = problem.costs_of(candidate)
        if not limits.excess(costs):
            return candidate, costs


def interval(found: Sequence[Right], others: Sequence[Right]) -> tuple[float, float]:
    """The difference of the mean accuracies, and half of its 95 % interval; see the module's text."""
    groups = [np.array(runs, np.float64) for runs in (found, others)]
    parts = [float(runs.mean(axis=1).var(ddof=1)) / len(runs) for runs in groups]
    freedom = sum(parts) ** 2 / sum(part**2 / (len(runs) - 1) for part, runs in zip(parts, groups, strict=True))
    by_image = groups[0].mean(axis=0) - groups[1].mean(axis=0)
    images = 1.96 * float(by_image.std(ddof=1)) / math.sqrt(len(by_image))
    return float(by_image.mean()), math.hypot(float(student.ppf(0.975, freedom)) * math.sqrt(sum(parts)), images)


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """Build, train and compare; in a quick run nothing is asked of accuracies and minutes."""
    if not DATA.is_file():
        yield Row("end to end", "networks built", 0, note="not run: ../shared/data/cifar10_subset.npz is absent")
        return
    budget, start, spent = QUICK if quick else FULL, time.monotonic(), _processor_seconds()
    with tempfile.TemporaryDirectory() as folder:
        job = project(subset(budget, Path(folder)), budget, platform)
        report = platform.build(job, Path(folder, "out")).report
        built = (time.monotonic() - start) / 60
        problem = pose(job, load(job, platform), platform.target(TARGET), platform)
        best = Candidate.of(report["search"]["best"]["choices"])
        drawn = [random_network(problem, Limits(job.search.limits), seed) for seed in RANDOM]
        plan = [*((best, seed) for seed in SEEDS), *((one, seed) for (one, _), seed in zip(drawn, RANDOM, strict=True))]
        tasks = [Run(platform.settings, job, problem.graph_of(one), seed) for one, seed in plan]
        with platform.create(ExecutorFactory, "processes").open(WORKERS) as pool:
            right = [future.result() for future in [pool.submit(task) for task in tasks]]
    minutes, busy = (time.monotonic() - start) / 60, (_processor_seconds() - spent) / 60
    yield Row(
        "end to end", "minutes by the clock, build and comparison", round(minutes, 1),
        at_most=None if quick else 30,
        note=f"build {built:.1f}; {busy:.1f} minutes of processor time; load average {os.getloadavg()[2]:.1f}",
    )  # fmt: skip
    yield from _compared(report, right, drawn, quick=quick)
    yield from _on_the_board(report, platform)


def subset(budget: Budget, folder: Path) -> Path:
    """The images of the budget: the file itself where it wants all."""
    with np.load(DATA, allow_pickle=False) as arrays:
        counts = dict(zip(("train", "test"), budget.images, strict=True))
        if all(len(arrays[f"y_{part}"]) == count for part, count in counts.items()):
            return DATA
        fewer = {f"{axis}_{part}": arrays[f"{axis}_{part}"][:n] for part, n in counts.items() for axis in "xy"}
    np.savez(folder / DATA.name, **fewer)
    return folder / DATA.name


def _compared(
    report: Mapping[str, Any], right: Sequence[Right], drawn: Sequence[tuple[Candidate, Mapping[str, float]]],
    *, quick: bool,
) -> Iterator[Row]:  # fmt: skip
    found, others = right[: len(SEEDS)], right[len(SEEDS) :]
    search, best = report["search"], report["search"]["best"]
    told = f"{search['evaluated']} trained of {search['costed']} costed"
    yield Row(
        "network found", "mean test accuracy", _mean(found), note=f"{_each(found)}; {_size(best['costs'])}; {told}"
    )
    sizes = " | ".join(_size(costs) for _, costs in drawn)
    yield Row("random networks", "mean test accuracy", _mean(others), note=f"{_each(others)}; {sizes}; seeds {RANDOM}")
    difference, half = interval(found, others)
    resolved = "resolved" if abs(difference) > half else "not resolved"
    bounds = f"{difference - half:+.4f} to {difference + half:+.4f}"
    yield Row(
        "found, random", "difference of the means", round(difference, 4), at_least=None if quick else 1e-4,
        note=f"{resolved}: 95 % interval {bounds}, Welch over runs, and test images",
    )  # fmt: skip


def _on_the_board(report: Mapping[str, Any], platform: Platform) -> Iterator[Row]:
    profile, accuracy = platform.target(TARGET), report["accuracy"]
    for kind in ("sram", "flash"):
        parts = report[f"{kind}_bytes"]
        note = ", ".join(f"{name} {size:,}" for name, size in parts.items() if name != "total" and size)
        yield Row("emulated board", f"{kind} bytes", parts["total"], at_most=profile.largest(kind).size, note=note)
    yield Row(
        "emulated board", "output bytes that differ from the reference", report["differing_bytes"], at_most=0,
        note=f"{report['samples']} test images",
    )  # fmt: skip
    yield Row(
        "emulated board", "test accuracy", round(accuracy["emulated"], 4),
        note=f"int8 reference {accuracy['int8']:.4f}, float {accuracy['float']:.4f}",
    )  # fmt: skip
    taken = report["milliseconds"]
    yield Row(
        "emulated board", "milliseconds for an image", taken["low"],
        note=f"to {taken['high']:.1f}; the search allowed {FRAME:g} at zero wait states",
    )  # fmt: skip


def _mean(runs: Sequence[Right]) -> float:
    return round(float(np.mean(runs)), 4)


def _each(runs: Sequence[Right]) -> str:
    return ", ".join(f"{run.mean():.4f}" for run in runs)


def _size(costs: Mapping[str, float]) -> str:
    return f"{costs['macs'] / 1e6:.2f} million MACs in {costs['milliseconds']:.1f} ms"


def _processor_seconds() -> float:
    """User and system time of this process and of its workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
