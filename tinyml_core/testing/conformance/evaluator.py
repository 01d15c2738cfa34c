"""Checks of evaluators, on a small network and a small dataset."""

from __future__ import annotations

from tinyml_core.api.evaluator import Evaluation, Evaluator, PreparedEvaluator
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.serialise import digest
from tinyml_core.testing.conformance.check import Check, NotApplicable, require
from tinyml_core.testing.conformance.samples.data import CLASSES, bright_thirds
from tinyml_core.testing.conformance.samples.networks import floating
from tinyml_core.testing.conformance.subject import Subject


def accuracy_is_a_share(subject: Subject) -> None:
    """The accuracy is from 0 to 1, a trained network takes the same samples, and the one given is as it was."""
    graph = floating(classes=len(CLASSES))
    before = digest(graph)
    evaluation = _evaluated(subject, graph)
    require(0 <= evaluation.accuracy <= 1, f"the accuracy is {evaluation.accuracy}")
    require(digest(graph) == before, "it changed the graph it was given")
    if (trained := evaluation.graph) is not None:
        require(_ports(trained) == _ports(graph), f"the trained network has ports {_ports(trained)}")


def equal_arguments_give_equal_results(subject: Subject) -> None:
    """Two evaluations of the same network, data and seed are equal, bit for bit."""
    graph = floating(classes=len(CLASSES))
    first, second = (_evaluated(subject, graph) for _ in range(2))
    require(first.accuracy == second.accuracy, f"the accuracies are {first.accuracy} and {second.accuracy}")
    digests = [digest(each.graph) for each in (first, second) if each.graph is not None]
    require(len(set(digests)) <= 1, "the trained networks differ")


def _ports(graph: Graph) -> list[tuple[int, ...]]:
    return [graph.tensors[name].shape for name in (*graph.inputs, *graph.outputs)]


def _evaluated(subject: Subject, graph: Graph) -> Evaluation:
    evaluator = subject.make(Evaluator)
    if isinstance(evaluator, PreparedEvaluator):
        raise NotApplicable("it prepares a whole search, which tests of its own must try")
    return evaluator.evaluate(graph, bright_thirds(), 5)


CHECKS = (Check(accuracy_is_a_share, slow=True), Check(equal_arguments_give_equal_results, slow=True))
"""Those of an evaluator."""
