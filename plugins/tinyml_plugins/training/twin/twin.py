"""TrainingTwin: a training step in torch, for many samples at once.

Forwards it computes the integers of the reference executor, backwards the same straight-through gradients in float32,
whose sums run in another order; updates are the step's own nodes on the reference executor, so that an optimizer, its
rounding and its random numbers are those of the device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.graph.tensor import DType
from tinyml_core.training.step import RATE, SEED, TrainingStep
from tinyml_plugins.training.twin.frozen import Features, split
from tinyml_plugins.training.twin.integer_operators import prepared
from tinyml_plugins.training.twin.straight_through import rounded
from tinyml_plugins.training.twin.updating import update_graph, without_rounding

Array = npt.NDArray[Any]
Storage = Literal["device", "latent", "float"]
LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": functional.cross_entropy,
    "mse": functional.mse_loss,
    "binary": functional.binary_cross_entropy_with_logits,
}
"""Loss of :data:`tinyml_core.training.losses.LOSSES` -> mean over the samples of logits and targets [n, classes]."""


class TrainingTwin:
    """A network that learns from batches; what is frozen has been computed by :func:`~.frozen.features`.

    Args:
        step: of one sample (``samples=1``); its optimizer updates by the mean gradient of each batch.
        loss: that of the step.
        storage: ``device`` keeps parameters as the device does. ``latent`` keeps float32 numbers, which are rounded
            where they are read: what simulations of quantised training do, and no device. ``float`` rounds neither
            parameters nor activations behind the frozen part: the float network, with the same ranges.

    Raises:
        UnsupportedError: an operator has no twin, or the optimizer's rounding cannot be left out.
    """

    def __init__(self, step: TrainingStep, *, loss: str = "cross-entropy", storage: Storage = "device") -> None:
        parameters = {each.parameter.name: each for each in step.learnt}
        self.frozen, graph = split(step.evaluation, parameters)
        (self._output,) = graph.outputs
        self._rounds = storage != "float"
        self._steps = [(prepared(node, graph, self._rounds), node.inputs, node.outputs[0]) for node in graph.nodes]
        self._constants = {
            name: torch.from_numpy(np.array(tensor.data)).to(_carrier(tensor.dtype))
            for name, tensor in graph.tensors.items()
            if tensor.data is not None
        }
        self._loss, self._gradients = LOSSES[loss], step.gradients
        self.variables: dict[str, Array] = {each.name: each.initial.copy() for each in step.variables}
        self._bases: dict[str, Array] = {}
        updates = update_graph(step)
        if storage != "device":
            integers = [name for name, each in parameters.items() if each.parameter.dtype is not DType.FLOAT32]
            updates = without_rounding(updates, integers)
            # Beside biases of 2^31 small changes would be lost in float32, so these are kept apart.
            self._bases = {name: self.variables[name] for name in integers}
            self.variables |= {name: np.zeros(self.variables[name].shape, np.float32) for name in integers}
        self._parameters = {name: each.parameter.dtype for name, each in parameters.items()}
        self._updates, self._update = updates, ReferenceExecutor(updates)
        self._updated = {each.name: each.updated for each in step.variables}

    def train(self, features: Mapping[str, Array], targets: Array, rate: float, seed: int) -> float:
        """Learn from one batch and return its mean loss before the update.

        Args:
            features: of the samples, from the frozen part, [n, ...].
            targets: float32 [n, classes].
            rate: learning rate.
            seed: number of the step, from which stochastic rounding takes its random numbers.
        """
        loss, gradients = self.gradients(features, targets)
        given = {RATE: np.full(1, rate, np.float32), SEED: np.full(1, seed, np.int32)}
        given |= {self._gradients[name]: gradient for name, gradient in gradients.items()} | self.variables
        found = self._update.run({name: given[name] for name in self._updates.inputs})
        self.variables = {name: found[updated] for name, updated in self._updated.items()}
        return loss

    def gradients(self, features: Mapping[str, Array], targets: Array) -> tuple[float, dict[str, Array]]:
        """Mean loss of a batch and, for every parameter, its gradient with respect to the stored numbers."""
        leaves = {name: value.requires_grad_() for name, value in self._values().items()}
        loss = self._loss(self._computed(features, leaves)[self._output], torch.from_numpy(targets))
        loss.backward()  # type: ignore[no-untyped-call]
        found = {name: leaf.grad.float().numpy() for name, leaf in leaves.items() if leaf.grad is not None}
        return loss.item(), found

    @torch.no_grad()
    def predict(self, features: Mapping[str, Array]) -> npt.NDArray[np.float32]:
        """Logits [n, classes]."""
        logits: npt.NDArray[np.float32] = self._computed(features, self._values())[self._output].numpy()
        return logits

    @torch.no_grad()
    def tensors(self, features: Mapping[str, Array]) -> Features:
        """Every tensor behind the frozen part, for comparison with the reference executor."""
        values = self._computed(features, self._values())
        return {name: values[name].numpy() for _, _, name in self._steps}

    def _values(self) -> dict[str, Tensor]:
        """The parameters as they are now."""
        found = {}
        for name, dtype in self._parameters.items():
            value = torch.from_numpy(self.variables[name]).to(_carrier(dtype), copy=True)
            found[name] = value + torch.from_numpy(self._bases[name]) if name in self._bases else value
        return found

    def _read(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        if self._bases and self._rounds:
            return {name: rounded(value) if name in self._bases else value for name, value in parameters.items()}
        return parameters

    def _computed(self, features: Mapping[str, Array], parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        """All tensors behind the frozen part, and what they are computed from."""
        border = {name: torch.from_numpy(features[name]).float() for name in self.frozen.outputs}
        values = self._constants | border | self._read(parameters)
        for run, inputs, output in self._steps:
            values[output] = run([values[name] for name in inputs])
        return values


def _carrier(dtype: DType) -> torch.dtype:
    """What holds integers exactly: 32 bits take float64."""
    return torch.float64 if dtype is DType.INT32 else torch.float32
