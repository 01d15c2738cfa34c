"""The proxies: each takes a graph, samples with labels and a seed, and gives a score, larger for the better network.

Sizes are among them because they are hard to beat: a proxy that ranks no better than the multiply-accumulates is worth
nothing (Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021; White et al., ICLR blog track, 2022).
Scores that grow like a product are given as logarithms, which rank alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace

import torch
from torch import Tensor

from tinyml_core.api.dataset import Split
from tinyml_core.errors import GraphError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.operators import IDENTITY
from tinyml_plugins.training.loop import loss
from tinyml_plugins.training.torch_graph import TorchGraph

Proxy = Callable[[Graph, Split, int], float]
"""(untrained graph, some samples, seed) -> score."""


def synflow(graph: Graph, samples: Split, seed: int) -> float:
    """Logarithm of the sum of every weight times its gradient, where all weights are positive and nothing saturates.

    Tanaka et al., NeurIPS 2020. The data plays no part: the input is all ones.
    """
    nodes = tuple(
        replace(node, op=replace(node.op, activation=IDENTITY))  # type: ignore[call-arg]
        if any(each.name == "activation" for each in fields(node.op))
        else node
        for node in graph.nodes
    )
    module = TorchGraph(replace(graph, nodes=nodes), seed=seed).eval()
    module.constants = {name: value.detach().abs().double() for name, value in module.constants.items()}
    weights = [module.constants[name].requires_grad_() for name in module.weights]
    ones = torch.ones(1, *graph.tensors[graph.inputs[0]].shape[1:], dtype=torch.float64)
    gradients = torch.autograd.grad(module(ones).sum(), weights)
    with torch.no_grad():
        return _log(sum(float((one * gradient).abs().sum()) for one, gradient in zip(weights, gradients, strict=True)))


def gradnorm(graph: Graph, samples: Split, seed: int) -> float:
    """Logarithm of the sum over weights of the norm of the loss's gradient (Abdelfattah et al., 2021)."""
    module = TorchGraph(graph, seed=seed).train()
    weights = [module.constants[name] for name in module.weights]
    x, labels = torch.from_numpy(samples.x), torch.from_numpy(samples.y)
    gradients = torch.autograd.grad(loss(module, x, labels, 0.0), weights)
    return _log(sum(float(gradient.norm()) for gradient in gradients))


def naswot(graph: Graph, samples: Split, seed: int) -> float:
    """Log-determinant of how often two samples switch the same units on (Mellor et al., ICML 2021).

    Raises:
        GraphError: no operator of the graph switches off at zero.
    """
    switching = {
        output for node in graph.nodes for output in node.outputs if getattr(node.op, "activation", IDENTITY)[0] == 0
    }
    if not switching:
        raise GraphError("has no rectified activations, which naswot looks at", place=f"graph {graph.name!r}")
    kernel = torch.zeros(len(samples), len(samples), dtype=torch.float64)

    def watch(name: str, value: Tensor) -> Tensor:
        if name in switching:
            code = (value > 0).flatten(1).double()
            kernel.add_(code @ code.T + (1 - code) @ (1 - code).T)
        return value

    module = TorchGraph(graph, seed=seed, transform=watch).train()
    with torch.no_grad():
        module(torch.from_numpy(samples.x))
    sign, determinant = torch.linalg.slogdet(kernel)
    return float(determinant) if sign > 0 else -math.inf


def _log(score: float) -> float:
    return math.log(score) if score > 0 else -math.inf


PROXIES: dict[str, Proxy] = {
    "macs": lambda graph, samples, seed: _log(graph.macs),
    "parameters": lambda graph, samples, seed: _log(graph.parameters),
    "synflow": synflow,
    "gradnorm": gradnorm,
    "naswot": naswot,
}
"""Name -> proxy; the first two are the baselines."""
