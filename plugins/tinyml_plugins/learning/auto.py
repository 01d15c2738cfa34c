"""An update scheme of one's own: contributions measured on the user's samples, and the best choice that fits.

Source: On-Device Training Under 256KB Memory (Lin et al. 2022), section 2.2; the released code has neither part.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyml_core.api.dataset import Dataset
from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.api.fine_tuner import FineTuner, FineTuningRecipe, Lessons
from tinyml_core.api.update_selector import LearningTask, UpdateScheme
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.serialise import digest
from tinyml_core.graph.tensor import Array
from tinyml_core.search.journal import Header, Journal, fingerprint
from tinyml_plugins.learning.analysis import remembered, worths
from tinyml_plugins.learning.choice_memory import ChoiceMemory
from tinyml_plugins.learning.contribution import Choice, Contributions, Evolution
from tinyml_plugins.learning.fine_tunings import fine_tunings
from tinyml_plugins.learning.fitting import fitting_scheme
from tinyml_plugins.learning.probe import Float, Probe, ProbeSetup, lay_out, shared_folder
from tinyml_plugins.learning.samples import drawn
from tinyml_plugins.learning.sparse import Sparse

if TYPE_CHECKING:
    from tinyml_core.platform import Platform

PLACE = "update-selector 'auto'"


@dataclass(frozen=True, kw_only=True)
class Auto:
    """Short fine-tunings tell what biases and single layers are worth; an evolution spends the budget by that."""

    last_layers: int | None = None
    """How many of the last layers, the classifier not counted, may learn; half of them where absent."""
    bias_layers: tuple[int, ...] = ()
    """Of how many last layers the bias learns, in fine-tunings of biases alone; none, all and two between if empty."""
    fractions: tuple[float, ...] = (0.125, 0.25, 0.5, 1.0)
    """Shares of a layer's channels, the largest ones, that learn in the fine-tunings of single layers."""
    classifier: bool = False
    """Whether the network's own classifier learns too; not where a new one takes its place."""
    samples: int = 1000
    """Training samples that fine-tunings learn from, at most."""
    held: int = 1000
    """Validation samples that judge them, at most."""
    epochs: int = 1
    """Times that a fine-tuning sees each sample."""
    batch_size: int = 16
    """Samples to an update."""
    rate: float = 0.025
    """Learning rate of a fine-tuning's first update; it falls to 0 along half a cosine."""
    extra_bytes: int = 51_000
    """Extra memory that learning may take where no SRAM budget is given, as published schemes count it."""
    generations: int = 100
    """Of the evolution that chooses by what was measured."""
    fine_tuner: str = "twin"
    """What carries out fine-tunings: ``twin`` (torch), or ``simulation``, slower and for any operator."""
    fine_tuner_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options."""
    executor: str = "processes"
    """Where fine-tunings run; on other machines only where these see the same files."""
    executor_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options."""
    workers: int = 2
    """How many run at a time; the choice does not depend on it."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("samples", "held", "epochs", "batch_size", "extra_bytes", "generations", "workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, it must be at least 1")
        if self.last_layers is not None and self.last_layers < 1:
            raise ValueError(f"last_layers is {self.last_layers}, it must be at least 1")
        if min(self.bias_layers, default=0) < 0 or len(set(self.bias_layers)) < len(self.bias_layers):
            raise ValueError("bias_layers must be different numbers from 0")
        if not all(0 < fraction <= 1 for fraction in self.fractions):
            raise ValueError("fractions must lie above 0 and not above 1")
        if not 0 < self.rate < math.inf:
            raise ValueError(f"rate is {self.rate}, it must be positive")

    def select(self, graph: Graph, task: LearningTask | None = None) -> UpdateScheme:
        """The choice of greatest worth for the task, within its SRAM or ``extra_bytes``.

        Raises:
            InputError: data or platform are missing, or the data do not suit the network.
            UnsupportedError: fine-tunings failed; tells the first one's reason.
            CapacityError: nothing fits; says what binds.
        """
        if task is None or task.data is None or task.platform is None:
            raise InputError("needs samples to learn from, and a platform", place=PLACE, remedy="give both in the task")
        learning = self.classifier or task.classes is not None
        choices = fine_tunings(graph, self.last_layers, self.bias_layers, self.fractions, learning=learning)
        lessons, held_targets = self._lessons(graph, task.data, task)
        with self._journal(graph, task, (lessons.x, lessons.targets, lessons.held, held_targets)) as journal:
            found = Contributions(self._worths(graph, task, task.platform, choices, lessons, held_targets, journal))
            memory, evolution = ChoiceMemory(graph).bytes, Evolution(generations=self.generations)

            def best(extra: int) -> UpdateScheme:
                return self._scheme(graph, evolution.best(found, memory, extra, task.seed))

            if task.sram is None:
                return best(self.extra_bytes)
            task.hear(0, "planning the best choice")
            return fitting_scheme(graph, best, task.sram, remembered(task.sram, journal))

    def _scheme(self, graph: Graph, choice: Choice) -> UpdateScheme:
        return Sparse(bias_layers=choice.bias_layers, weights=choice.weights, classifier=self.classifier).select(graph)

    def _lessons(self, graph: Graph, data: Dataset, task: LearningTask) -> tuple[Lessons, Float]:
        """What fine-tunings learn from, what judges them, and the latter's targets.

        Raises:
            InputError: the samples do not suit the network, or it has fewer classes.
        """
        x, y = drawn(graph, data.train, self.samples, task.seed)
        held, held_y = drawn(graph, data.validation, self.held, task.seed)
        classes = task.classes or graph.tensors[graph.outputs[0]].shape[-1]
        if len(data.classes) > classes:
            raise InputError(
                f"has {len(data.classes)} classes, the network {classes}", place=f"data {data.name!r}",
                remedy="give it a new head",
            )  # fmt: skip
        one_hot = np.eye(classes, dtype=np.float32)
        return Lessons(x, one_hot[y], held), one_hot[held_y]

    def _journal(self, graph: Graph, task: LearningTask, samples: Sequence[Array]) -> Journal | nullcontext[None]:
        """The task's journal, for these very fine-tunings; what is chosen by them may change."""
        if task.journal is None:
            return nullcontext()
        seen = hashlib.sha256()
        for array in samples:
            seen.update(np.ascontiguousarray(array).data)
        shaping = asdict(replace(self, workers=1, executor="", executor_options={}, extra_bytes=1, generations=1))
        learning = (task.optimizer, dict(task.optimizer_options), task.loss, task.classes)
        config = {"network": digest(graph), "samples": seen.hexdigest(), "options": shaping, "learning": learning}
        return Journal(task.journal, Header(config=fingerprint(config), seed=task.seed), resume=True)

    def _worths(
        self, graph: Graph, task: LearningTask, platform: Platform, choices: Sequence[Choice], lessons: Lessons,
        held_targets: Float, journal: Journal | None,
    ) -> dict[Choice, float]:  # fmt: skip
        executor = platform.create(ExecutorFactory, self.executor, self.executor_options)
        platform.create(FineTuner, self.fine_tuner, self.fine_tuner_options)  # a mistake is told before work begins
        with shared_folder(task.journal) as folder:
            lay_out(folder, graph, lessons, held_targets)
            setup = ProbeSetup(
                platform=partial(type(platform).from_settings, platform.settings), folder=folder,
                fine_tuner=self.fine_tuner, fine_tuner_options=self.fine_tuner_options,
                optimizer=task.optimizer, optimizer_options=task.optimizer_options, loss=task.loss,
                classes=task.classes, seed=task.seed,
                recipe=FineTuningRecipe(epochs=self.epochs, batch_size=self.batch_size, rate=self.rate),
            )  # fmt: skip

            def work_of(choice: Choice) -> Probe:
                return Probe(setup=setup, scheme=self._scheme(graph, choice))

            found = worths(choices, work_of, executor, self.workers, journal, task.hear)
        # The worth of a choice is the sum of its parts', so it is a logarithm: minus the loss.
        return {choice: math.log(max(value, np.finfo(np.float64).tiny)) for choice, value in found.items()}
