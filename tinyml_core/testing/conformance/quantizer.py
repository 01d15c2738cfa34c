"""Checks of quantizers, on a small float network and a small dataset."""

from __future__ import annotations

import numpy as np

from tinyml_core.api.dataset import Dataset
from tinyml_core.api.quantizer import Quantizer
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.arithmetic.quantised import quantise_array
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.serialise import digest
from tinyml_core.graph.tensor import DType
from tinyml_core.graph.verify import verify
from tinyml_core.testing.conformance.check import Check, require
from tinyml_core.testing.conformance.samples.data import CLASSES, bright_thirds
from tinyml_core.testing.conformance.samples.networks import fitted, floating
from tinyml_core.testing.conformance.subject import Subject

KNOWN, KEPT = 0.95, 0.85
"""Share of the test samples that the float network gets right, and that the integer one still must."""


def gives_an_integer_network(subject: Subject) -> None:
    """Without data too, inputs and outputs are int8, quantised, and of the shapes of the float network."""
    graph = floating(classes=len(CLASSES))
    quantised = verify(subject.make(Quantizer).quantize(graph, None, 5))
    for before, after in zip((*graph.inputs, *graph.outputs), (*quantised.inputs, *quantised.outputs), strict=True):
        tensor = quantised.tensors[after]
        require(tensor.shape == graph.tensors[before].shape, f"{after!r} is {tensor.shape}")
        fits = tensor.dtype is DType.INT8 and tensor.quantization is not None
        require(fits, f"{after!r} is {tensor.dtype.value}" + ("" if tensor.quantization else ", without a scale"))


def keeps_what_the_network_knows(subject: Subject) -> None:
    """With data, an integer network gets nearly as many samples right as a float network that knows them all."""
    data = bright_thirds()
    graph = fitted(data)
    assert _accuracy(graph, data) >= KNOWN
    accuracy = _accuracy(verify(subject.make(Quantizer).quantize(graph, data, 5)), data)
    require(accuracy >= KEPT, f"it gets {accuracy:.0%} of the samples right, {KEPT:.0%} are the least")


def equal_arguments_give_equal_networks(subject: Subject) -> None:
    """The same network, data and seed give the same integer network to the bit, and the float one stays as it was."""
    graph = floating(classes=len(CLASSES))
    before = digest(graph)
    first, second = (digest(subject.make(Quantizer).quantize(graph, bright_thirds(), 5)) for _ in range(2))
    require(digest(graph) == before, "it changed the graph it was given")
    require(first == second, "two quantisations differ")


def _accuracy(graph: Graph, data: Dataset) -> float:
    executor, right = ReferenceExecutor(graph), 0
    source = graph.tensors[graph.inputs[0]]
    for sample, label in zip(data.test.x, data.test.y, strict=True):
        array = quantise_array(sample[np.newaxis], source) if source.quantization else sample[np.newaxis]
        right += int(executor.run({source.name: array})[graph.outputs[0]].argmax()) == label
    return right / len(data.test)


CHECKS = (
    Check(gives_an_integer_network),
    Check(keeps_what_the_network_knows, slow=True),
    Check(equal_arguments_give_equal_networks, slow=True),
)
"""Those of a quantizer."""
