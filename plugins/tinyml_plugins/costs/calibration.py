"""Calibration: measure layers batch by batch, fit what they cost, and say where the figures come from."""

from __future__ import annotations

import datetime
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tinyml_core
from tinyml_core.api.generator import CodeGenerator
from tinyml_core.api.runner import Runner
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.errors import InputError, ToolchainError, UnsupportedError
from tinyml_core.graph.graph import Rounding
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_plugins.costs.features import Features, features
from tinyml_plugins.costs.fitting import FEWEST, fit
from tinyml_plugins.costs.journal import append, opened
from tinyml_plugins.costs.kernels import fingerprint
from tinyml_plugins.costs.measuring import Bench, Measured, Sample
from tinyml_plugins.costs.samples import DRAWS, room
from tinyml_plugins.costs.table import CostTable, Family

if TYPE_CHECKING:
    from tinyml_core.platform import Platform

BATCH = 64
"""Layers in one binary."""
FORMS = ((Rounding.SINGLE, False, 1), (Rounding.SINGLE, True, 1), (Rounding.TFLITE, False, 2))
"""Rounding, whether row by row, and of how many layers drawn one is measured so."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What is measured, and with what."""

    core: str
    toolchain: str
    generator: str = "tinyengine"
    samples: int
    """Layers of each kind."""
    seed: int

    def planned(self) -> list[list[Sample]]:
        """All samples, in batches that hold every kind."""
        order = [
            Sample(kind=kind, seed=self.seed + number, rounding=rounding, rows=rows)
            for number in range(self.samples)
            for rounding, rows, every in FORMS
            for kind in DRAWS
            if number % every == 0
        ]
        return [order[start : start + BATCH] for start in range(0, len(order), BATCH)]


def profile_of(core: str, platform: Platform) -> HardwareProfile:
    """The first target that has the core.

    Raises:
        UnsupportedError: none has; the message lists the cores there are.
    """
    profiles = [platform.target(name) for name in platform.names(HardwareProfile)]
    for profile in profiles:
        if profile.core == core:
            return profile
    known = ", ".join(sorted({profile.core for profile in profiles}))
    raise UnsupportedError(f"no target has the core {core!r}", remedy=f"choose one of {known}")


def calibrate(
    calibration: Calibration, journal: Path, platform: Platform, *, resume: bool, advance: Callable[[int], None]
) -> CostTable:
    """Measure what ``journal`` does not hold yet, and fit.

    Args:
        calibration: what to measure.
        journal: one line for each batch measured, so that a calibration that was stopped goes on where it was.
        platform: supplies target, generator, toolchain and runner.
        resume: go on with an existing journal.
        advance: told after each batch how many layers it had.

    Raises:
        ToolchainError: the toolchain or the emulator is not usable.
        UnsupportedError: no target has the core.
        InputError: the journal exists and ``resume`` is not set, or belongs to another calibration or other kernels.
        DeviceFault: a layer faulted.
    """
    target = profile_of(calibration.core, platform)
    toolchain = platform.create(Toolchain, calibration.toolchain)
    if (reason := toolchain.missing()) is not None:
        raise ToolchainError(reason, place=f"toolchain {calibration.toolchain}")
    generator = platform.create(CodeGenerator, calibration.generator)
    bench = Bench(generator, toolchain, platform.create(Runner, target.tools.runner), room(target))
    kernels = fingerprint(generator, target)
    header = {**asdict(calibration), "kernels": kernels}
    done = opened(journal, header, resume=resume)
    compiler = ""
    measured: list[tuple[Sample, Measured]] = []
    for number, batch in enumerate(calibration.planned()):
        line = done.get(number)
        if line is None:
            found, compiler = bench.measure(batch)
            line = {
                "batch": number, "compiler": compiler,
                "measured": [each and each.model_dump() for each in found],
            }  # fmt: skip
            append(journal, line)
        compiler = line["compiler"]
        pairs = zip(batch, line["measured"], strict=True)
        measured += [(sample, Measured.model_validate(cost)) for sample, cost in pairs if cost is not None]
        advance(len(batch))
    return _fitted(calibration, measured, compiler, kernels)


def write_table(table: CostTable, out: Path) -> None:
    """Write the table, which appears whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    partial = out.with_name(out.name + ".partial")
    try:
        partial.write_text(table.model_dump_json(indent=1) + "\n", encoding="ascii")
        os.replace(partial, out)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=str(out), remedy="name another file") from None


def _fitted(
    calibration: Calibration, measured: Sequence[tuple[Sample, Measured]], compiler: str, kernels: str
) -> CostTable:
    by_family: dict[str, list[tuple[Features, Measured]]] = defaultdict(list)
    for sample, cost in measured:
        layer = sample.layer(cost.kernel)
        by_family[layer.family].append((features(layer), cost))
    costs = [cost for _, cost in measured]
    families = {
        name: Family(
            samples=len(layers),
            instructions=fit([(counted, cost.instructions) for counted, cost in layers]),
            cycles=fit([(counted, cost.cycles) for counted, cost in layers]),
        )
        for name, layers in sorted(by_family.items())
        if len(layers) >= FEWEST
    }
    return CostTable(
        core=calibration.core, toolchain=calibration.toolchain, compiler=compiler, timing=costs[0].timing,
        generator=calibration.generator, kernels=kernels, version=tinyml_core.__version__,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(), seed=calibration.seed, samples=len(measured),
        stack_bytes=max(each.stack_bytes for each in costs),
        cycles_per_instruction=sum(each.cycles for each in costs) / sum(each.instructions for each in costs),
        families=families,
    )  # fmt: skip
