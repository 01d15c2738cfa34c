"""What the training plugin provides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.evaluator import Evaluator
    from tinyml_core.api.fine_tuner import FineTuner
    from tinyml_core.api.quantizer import Quantizer


@hookimpl
def tinyml_evaluators() -> Iterable[Component[Evaluator]]:
    """Return the evaluators."""
    return [
        Component(
            "training",
            "tinyml_plugins.training.evaluator:Training",
            "trains the network for a fixed number of steps on one thread",
            options="tinyml_plugins.training.recipe:Recipe",
            extra="train",
        ),
        Component(
            "supernet",
            "tinyml_plugins.training.supernet.evaluator:Supernet",
            "accuracy with weights inherited from a super-network, which is trained once",
            options="tinyml_plugins.training.supernet.recipe:SupernetRecipe",
            extra="train",
        ),
        Component(
            "zero-cost",
            "tinyml_plugins.training.zero_cost.evaluator:ZeroCost",
            "ranks untrained networks by a proxy: synflow, gradnorm, naswot, or the size as the baseline",
            extra="train",
        ),
    ]


@hookimpl
def tinyml_quantizers() -> Iterable[Component[Quantizer]]:
    """Return the quantiser that trains."""
    return [
        Component(
            "qat",
            "tinyml_plugins.training.quantization_aware:QuantizationAwareTraining",
            "quantisation-aware training: fine-tunes the weights with the int8 rounding in the loop",
            extra="train",
        )
    ]


@hookimpl
def tinyml_fine_tuners() -> Iterable[Component[FineTuner]]:
    """Return the fine-tuner on torch."""
    return [
        Component(
            "twin",
            "tinyml_plugins.training.twin.fine_tuner:TwinFineTuner",
            "batches on the torch twin of a training step; int8 convolutions, dense layers and what lies between",
            extra="train",
        )
    ]
