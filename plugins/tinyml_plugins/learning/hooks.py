"""What the learning plugin provides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.fine_tuner import FineTuner
    from tinyml_core.api.optimizer import TrainingOptimizer
    from tinyml_core.api.update_selector import UpdateSelector


@hookimpl
def tinyml_training_optimizers() -> Iterable[Component[TrainingOptimizer]]:
    """Update rules by name."""
    return (
        Component("sgd", "tinyml_plugins.learning.sgd:Sgd", "gradient descent on the stored integers"),
        Component("qas", "tinyml_plugins.learning.qas:Qas", "quantisation-aware scaling (Lin et al. 2022), no state"),
        Component("momentum", "tinyml_plugins.learning.momentum:Momentum", "heavy ball, 4 bytes of state per number"),
        Component("adam", "tinyml_plugins.learning.adam:Adam", "Adam (Kingma & Ba 2015), 8 bytes of state per number"),
    )


@hookimpl
def tinyml_update_selectors() -> Iterable[Component[UpdateSelector]]:
    """Choices of what learns by name."""
    return (
        Component("auto", "tinyml_plugins.learning.auto:Auto", "what short fine-tunings show to be worth its memory"),
        Component("full", "tinyml_plugins.learning.full:Full", "every weight and bias"),
        Component("bias-only", "tinyml_plugins.learning.bias_only:BiasOnly", "biases, of all layers or the last ones"),
        Component("last-k", "tinyml_plugins.learning.last_k:LastK", "every weight and bias of the last layers"),
        Component("fisher", "tinyml_plugins.learning.fisher:Fisher", "what gains most per byte, by squared gradients"),
        Component("sparse", "tinyml_plugins.learning.sparse:Sparse", "some biases, and weights of some channels"),
    )


@hookimpl
def tinyml_fine_tuners() -> Iterable[Component[FineTuner]]:
    """Ways to try out on this machine what learning is worth, by name."""
    return (
        Component(
            "simulation",
            "tinyml_plugins.learning.simulated:SimulatedFineTuner",
            "the reference executor: any operator, sample after sample",
        ),
    )
