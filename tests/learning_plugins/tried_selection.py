"""A selection by ``auto`` that may be killed: ``python tried_selection.py FOLDER``."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from small_network import network

from tinyml_core.api.dataset import Dataset, Split
from tinyml_core.api.update_selector import LearningTask, UpdateScheme, UpdateSelector
from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl
from tinyml_core.platform import Platform
from tinyml_plugins.learning.simulated import SimulatedFineTuner

VISITS, DEADLY = "visits", "deadly"
OPTIONS = {"last_layers": 3, "samples": 12, "held": 12, "batch_size": 1, "rate": 0.05}
OPTIONS |= {"executor": "serial", "generations": 20}


@dataclass(frozen=True, kw_only=True)
class Frail:
    """Simulates, notes every visit in a folder, and dies at the one that a file there tells, or refuses them all."""

    folder: str
    refuses: bool = False

    def logits(self, step, loss, lessons, recipe, seed, cache=None):
        """The simulation's."""
        visits, deadly = Path(self.folder, VISITS), Path(self.folder, DEADLY)
        with visits.open("ab") as file:
            file.write(b".")
        if deadly.exists() and visits.stat().st_size == int(deadly.read_text()):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.refuses:
            raise MemoryError("too much")
        return SimulatedFineTuner().logits(step, loss, lessons, recipe, seed, cache)


class FrailPlugin:
    """Brings it."""

    @hookimpl
    def tinyml_fine_tuners(self):
        """Return it."""
        return [Component("frail", Frail, "dies when told")]


def spots() -> Dataset:
    """Noise, whose left or right channel is lighter, or neither."""
    rng = np.random.default_rng(0)
    y = np.arange(24) % 3
    x = rng.normal(size=(24, 6, 6, 2)) + (y[:, None] == np.arange(2))[:, None, None, :] * 2
    split = Split(x.astype(np.float32), y)
    return Dataset("spots", ("left", "right", "none"), split, split, split)


def selected(folder: Path, sram=None, journal=True, options=None, **frailty) -> UpdateScheme:
    """What ``auto`` chooses for the small network and a new head, with a journal in ``folder``."""
    platform = Platform(plugins=[FrailPlugin()])
    chosen = OPTIONS | {"fine_tuner": "frail", "fine_tuner_options": {"folder": str(folder), **frailty}}
    selector = platform.create(UpdateSelector, "auto", chosen | (options or {}))
    path = folder / "journal.jsonl" if journal else None
    return selector.select(network(), LearningTask(data=spots(), sram=sram, classes=3, platform=platform, journal=path))


if __name__ == "__main__":
    selected(Path(sys.argv[1]))
