"""Zero-cost proxies: what they compute, on networks small enough to compute it by hand, and how they rank."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tinyml_core.api.dataset import Split
from tinyml_core.api.evaluator import Evaluator
from tinyml_core.errors import GraphError, InputError
from tinyml_core.graph import DType, GraphBuilder
from tinyml_core.graph.operators import RELU, FullyConnected
from tinyml_plugins.tinynas.space import TinySpace
from tinyml_plugins.training.zero_cost.evaluator import ZeroCost
from tinyml_plugins.training.zero_cost.proxies import PROXIES

SIGNS = np.array([[1.0, -2.0], [3.0, 4.0]], np.float32)
CODES = Split(np.array([[1, 0], [0, 1], [1, 1]], np.float32), np.array([0, 1, 1]))


def dense(*layers, activation=RELU):
    """Dense layers without bias, rectified but for the last."""
    b = GraphBuilder("dense")
    x = b.input("x", (1, layers[0].shape[1]), DType.FLOAT32)
    for number, weights in enumerate(layers):
        op = FullyConnected(activation=activation) if number < len(layers) - 1 else FullyConnected()
        x = b.node(op, [x, b.constant(f"w{number}", weights)])
    return b.build([x])


def test_synflow_is_the_flow_through_absolute_weights():
    head = np.array([[1.0, -1.0]], np.float32)
    # |W| on ones: hidden 3 and 7, output 10; each layer's sum of |weight x gradient| is that output
    assert PROXIES["synflow"](dense(SIGNS, head), CODES, 0) == pytest.approx(math.log(2 * 10))


def test_gradnorm_is_the_norm_of_the_gradient():
    weights = np.full((2, 2), 0.5, np.float32)
    graph = dense(weights)  # logits equal, so probabilities 1/2 each
    x, y = CODES.x, CODES.y
    errors = np.full((3, 2), 0.5) - np.eye(2)[y]
    expected = np.linalg.norm(errors.T @ x / 3)
    assert PROXIES["gradnorm"](graph, CODES, 0) == pytest.approx(math.log(expected), rel=1e-5)


def test_naswot_is_the_determinant_of_agreement():
    weights = np.array([[1, -1], [-1, 1], [1, 1]], np.float32)
    codes = CODES.x @ weights.T > 0
    agreement = (codes[:, None] == codes[None]).sum(2)
    expected = np.linalg.slogdet(agreement.astype(float))[1]
    assert PROXIES["naswot"](dense(weights, np.ones((2, 3), np.float32)), CODES, 0) == pytest.approx(expected)


def test_naswot_of_samples_it_cannot_tell_apart_is_the_least_score(digits):
    alike = Split(np.ones((3, 2), np.float32), CODES.y)
    assert PROXIES["naswot"](dense(SIGNS, SIGNS), alike, 0) == -math.inf


def test_naswot_needs_rectified_activations():
    with pytest.raises(GraphError, match="no rectified activations"):
        PROXIES["naswot"](dense(SIGNS), CODES, 0)


@pytest.mark.parametrize("proxy", sorted(PROXIES))
def test_every_proxy_ranks_networks_of_a_space_and_repeats_itself(proxy, digits):
    space, rng = TinySpace(), np.random.default_rng(0)
    evaluator = ZeroCost(proxy=proxy, samples=32)
    assert isinstance(evaluator, Evaluator)
    graphs = [space.build(space.sample(rng), (8, 8, 1), 10) for _ in range(5)]
    scores = [evaluator.score(graph, digits, 3) for graph in graphs]
    assert len(set(scores)) == 5
    assert scores == [evaluator.score(graph, digits, 3) for graph in graphs]
    pressed = [evaluator.evaluate(graph, digits, 3).accuracy for graph in graphs]
    assert np.argsort(pressed).tolist() == np.argsort(scores).tolist()
    assert all(0 < value < 1 for value in pressed)


def test_the_baselines_are_the_sizes(untrained, digits):
    assert ZeroCost(proxy="macs").score(untrained, digits, 0) == math.log(untrained.macs)
    assert ZeroCost(proxy="parameters").score(untrained, digits, 0) == math.log(untrained.parameters)


def test_what_does_not_suit_is_refused(untrained, digits):
    with pytest.raises(InputError, match="samples"):
        ZeroCost(samples=1)
    with pytest.raises(InputError, match="classes"):
        ZeroCost().score(untrained, replace(digits, classes=("0", "1")), 0)
