"""Hard swish, hard sigmoid and swish, however they are spelled, become one node that computes the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, Graph, GraphBuilder
from tinyml_core.graph.operators import IDENTITY, RELU, RELU6, Add, Binary, Clamp, FullyConnected, Unary
from tinyml_core.graph.verify import verify
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.platform import Platform
from tinyml_core.quantization import quantise_graph
from tinyml_core.testing.random_graphs import choose_from, random_graph
from tinyml_plugins.passes.fuse_hard_swish import FuseHardSwish

SHAPE = (1, 3, 4, 5)


class Spelling:
    """A graph under construction, with arithmetic on tensors and numbers."""

    def __init__(self) -> None:
        self.builder = GraphBuilder("spelled")
        self.x = self.builder.input("x", SHAPE, DType.FLOAT32)
        self._count = 0

    def number(self, value: float, shape: tuple[int, ...] = (1,)) -> str:
        self._count += 1
        return self.builder.constant(f"number{self._count}", np.full(shape, value, np.float32))

    def __call__(self, function: str, left: str, right: str | float, activation=IDENTITY) -> str:
        operand = right if isinstance(right, str) else self.number(right)
        op = Add(activation) if function == "add" else Binary(function, activation)
        return self.builder.node(op, [left, operand])

    def unary(self, function: str, x: str, **parameters: float) -> str:
        return self.builder.node(Unary(function, **parameters), [x])

    def clamp(self, x: str, limits) -> str:
        return self.builder.node(Clamp(limits), [x])

    def graph(self, *outputs: str) -> Graph:
        return verify(self.builder.build(list(outputs)))


def relu6(s: Spelling, x: str, how: int) -> str:
    """The limits 0 and 6, one way or another."""
    if how == 0:
        return s.clamp(x, RELU6)
    if how == 1:
        return s("minimum", s("maximum", x, 0.0), 6.0)
    if how == 2:
        return s("minimum", s.clamp(x, RELU), 6.0)
    return s("maximum", s("minimum", x, 6.0), 0.0)


def hard_sigmoid(s: Spelling, x: str, how: int, sixth: int) -> str:
    """``relu6(x + 3) / 6`` or ``clip(x / 6 + 1/2, 0, 1)``."""
    if sixth == 0:
        return s("divide", relu6(s, s("add", x, 3.0), how), 6.0)
    if sixth == 1:
        return s("multiply", s("add", x, 3.0, RELU6), 0.16666667)
    if sixth == 2:
        return s.clamp(s("add", s("multiply", x, 1 / 6), 0.5), (0.0, 1.0))
    if sixth == 3:
        return s("subtract", s("divide", x, 6.0), -0.5, (0.0, 1.0))
    return s.unary("hard_sigmoid", x, alpha=1 / 6, beta=0.5)


def hard_swish(s: Spelling, x: str, how: int, sixth: int) -> str:
    if sixth < 4:
        return s("multiply", x, hard_sigmoid(s, x, how, sixth))
    if sixth == 4:
        return s("multiply", hard_sigmoid(s, x, how, 4), x)
    gate = relu6(s, s("add", s.number(3.0, (1, 1, 1, 5)), x), how)
    if sixth == 5:
        return s("divide", s("multiply", x, gate), 6.0)
    if sixth == 6:
        return s("multiply", s("multiply", gate, x), 1 / 6)
    if sixth == 7:
        return s("multiply", s("divide", x, 6.0), gate)
    return s("multiply", s.number(1 / 6), s("multiply", gate, x))


def assert_near(graph: Graph, rewritten: Graph, seed: int) -> None:
    x = np.random.default_rng(seed).normal(0, 4, SHAPE).astype(np.float32)
    before, after = execute(graph, {"x": x}), execute(rewritten, {"x": x})
    assert before.keys() == after.keys()
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values, rtol=3e-6, atol=2e-6)


SWISHES = {
    "swish": (lambda s, x: s("multiply", x, s.unary("sigmoid", x)), Unary("swish", alpha=1.0)),
    "swish of another slope": (
        lambda s, x: s("multiply", s.unary("sigmoid", s("multiply", x, 1.5)), x), Unary("swish", alpha=1.5),
    ),
    "halves that make up a swish": (
        lambda s, x: s("multiply", s("multiply", x, 0.5), s("multiply", s.unary("sigmoid", x), 2.0)),
        Unary("swish", alpha=1.0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("sixth", range(9))
@pytest.mark.parametrize("how", range(4))
def test_every_spelling_of_hard_swish_is_one_node(how, sixth):
    s = Spelling()
    graph = s.graph(hard_swish(s, s.x, how, sixth))
    rewritten = verify(FuseHardSwish().apply(graph))
    assert [node.op for node in rewritten.nodes] == [Unary("hard_swish")]
    assert rewritten.outputs == graph.outputs
    assert rewritten.tensors.keys() == {"x", *graph.outputs}
    assert_near(graph, rewritten, how)


@pytest.mark.parametrize("sixth", range(4))
@pytest.mark.parametrize("how", range(4))
def test_every_spelling_of_hard_sigmoid_is_one_node(how, sixth):
    s = Spelling()
    graph = s.graph(hard_sigmoid(s, s.x, how, sixth))
    rewritten = verify(FuseHardSwish().apply(graph))
    (op,) = (node.op for node in rewritten.nodes)
    assert op.function == "hard_sigmoid"
    assert (op.alpha, op.beta) == pytest.approx((1 / 6, 1 / 2), rel=1e-6)
    assert_near(graph, rewritten, sixth)


@pytest.mark.parametrize("name", SWISHES)
def test_swishes(name):
    spelled, expected = SWISHES[name]
    s = Spelling()
    graph = s.graph(spelled(s, s.x))
    rewritten = verify(FuseHardSwish().apply(graph))
    assert [node.op for node in rewritten.nodes] == [expected]
    assert_near(graph, rewritten, 1)


OTHERS = {
    "another limit": lambda s, x: s("multiply", x, s("divide", s.clamp(s("add", x, 3.0), (0.0, 5.0)), 6.0)),
    "no sixth": lambda s, x: s("multiply", x, s.clamp(s("add", x, 3.0), RELU6)),
    "an offset": lambda s, x: s("multiply", x, s.unary("sigmoid", s("add", x, 1.0))),
    "another operand": lambda s, x: s("multiply", s.unary("tanh", x), s.unary("sigmoid", x)),
    "the gate twice": lambda s, x: s("multiply", s.unary("sigmoid", x), s.unary("sigmoid", x)),
    "different numbers": lambda s, x: s(
        "multiply", x, s.clamp(s("add", x, s.builder.constant("c", np.arange(5, dtype=np.float32))), (0.0, 1.0))
    ),
    "a divided constant": lambda s, x: s("divide", s.number(6.0, SHAPE), s.clamp(s("add", x, 3.0), RELU6)),
    "nothing but a division by 0": lambda s, x: s("divide", s.clamp(x, RELU6), 0.0),
    "limits alone": lambda s, x: s.clamp(x, (0.0, 1.0)),
    "below zero": lambda s, x: s.clamp(s("add", s("multiply", x, 0.2), 0.5), (-0.1, 1.0)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_something_else_stays(name):
    s = Spelling()
    graph = s.graph(OTHERS[name](s, s.x))
    assert FuseHardSwish().apply(graph) is graph


@pytest.mark.parametrize(("offset", "divisors"), [(2.5, 1), (3.0, 2)])
def test_of_what_is_nearly_a_hard_swish_the_gate_is_one_node(offset, divisors):
    s = Spelling()
    gate = s("divide", s.clamp(s("add", s.x, offset), RELU6), 6.0)
    graph = s.graph(s("multiply", s.x, gate if divisors == 1 else s("divide", gate, 6.0)))
    rewritten = verify(FuseHardSwish().apply(graph))
    assert [node.op.title for node in rewritten.nodes] == ["hard_sigmoid", *["divide"] * (divisors - 1), "multiply"]
    assert_near(graph, rewritten, 6)


def test_broadcasting_stays():
    s = Spelling()
    graph = s.graph(s("multiply", s.number(1.0, (2, 3, 4, 5)), s.unary("sigmoid", s.x)))
    assert FuseHardSwish().apply(graph) is graph


def test_what_others_read_stays():
    for output in (True, False):
        s = Spelling()
        gate = hard_sigmoid(s, s.x, 0, 0)
        product = s("multiply", s.x, gate)
        graph = s.graph(product, *([gate] if output else [s.unary("exp", gate)]))
        rewritten = verify(FuseHardSwish().apply(graph))
        assert [node.op.title for node in rewritten.nodes] == ["hard_sigmoid", "multiply"] + ([] if output else ["exp"])
        assert_near(graph, rewritten, 2)


def test_the_gate_of_an_excitation_is_a_hard_sigmoid_and_its_product_stays():
    s = Spelling()
    other = s.unary("exp", s.x)
    graph = s.graph(s("multiply", other, hard_sigmoid(s, s.x, 0, 0)))
    rewritten = verify(FuseHardSwish().apply(graph))
    assert sorted(node.op.title for node in rewritten.nodes) == ["exp", "hard_sigmoid", "multiply"]
    assert_near(graph, rewritten, 3)


def test_a_scaled_operand_counts_as_the_operand():
    """What is gated may itself be a multiple of something: the nearest tensor that fits is the operand."""
    s = Spelling()
    graph = s.graph(hard_swish(s, s("multiply", s.x, 2.0), 0, 0))
    rewritten = verify(FuseHardSwish().apply(graph))
    assert [node.op.title for node in rewritten.nodes] == ["multiply", "hard_swish"]
    assert_near(graph, rewritten, 4)


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_random_pointwise_networks_compute_the_same(data, seed):
    """Chains and products over few numbers, so that whole, broken and overlapping patterns are common."""
    s = Spelling()
    values = [s.x]
    for _ in range(data.draw(st.integers(1, 12))):
        made = data.draw(st.sampled_from(["swish", "sigmoid", "pattern", "number", "product", "limits"]))
        left = data.draw(st.sampled_from(values))
        if made == "pattern":
            values.append(hard_swish(s, left, data.draw(st.integers(0, 3)), data.draw(st.integers(0, 8))))
        elif made == "swish":
            values.append(s("multiply", left, s.unary("sigmoid", left)))
        elif made == "sigmoid":
            values.append(s.unary("sigmoid", left))
        elif made == "number":
            function = data.draw(st.sampled_from(["add", "subtract", "multiply", "divide", "minimum", "maximum"]))
            number = data.draw(st.sampled_from([6.0, 3.0, 1 / 6, 0.5, 1.0, -1.0, -3.0]))
            activation = data.draw(st.sampled_from([IDENTITY, RELU, RELU6]))
            values.append(s(function, left, number, activation))
        elif made == "limits":
            values.append(s.clamp(left, data.draw(st.sampled_from([RELU6, (0.0, 1.0), (-1.0, 0.5)]))))
        else:
            values.append(s("multiply", left, data.draw(st.sampled_from(values[-3:]))))
    outputs = {values[-1], data.draw(st.sampled_from(values))} - {s.x} or {s.unary("exp", s.x)}
    graph = s.graph(*sorted(outputs))
    rewritten = verify(FuseHardSwish().apply(graph))
    assert rewritten.macs == graph.macs
    assert len(rewritten.nodes) <= len(graph.nodes)
    x = np.random.default_rng(seed).normal(0, 2, SHAPE).astype(np.float32)
    before, after = execute(graph, {"x": x}), execute(rewritten, {"x": x})
    for name, values_before in before.items():
        finite = np.isfinite(values_before) & (np.abs(values_before) < 1e4)
        np.testing.assert_allclose(after[name][finite], values_before[finite], rtol=1e-3, atol=1e-3)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_quantised_networks_are_left_alone(seed):
    graph = random_graph(choose_from(np.random.default_rng(seed)))
    assert FuseHardSwish().apply(graph) is graph


def test_a_quantised_pattern_is_left_alone():
    s = Spelling()
    graph = quantise_graph(s.graph(hard_swish(s, s.x, 0, 0)))
    assert FuseHardSwish().apply(graph) is graph


def test_the_passes_together_leave_a_layer_and_its_hard_swish():
    """The sum may not become a layer's activation, and may be switched off."""
    b = GraphBuilder("layer")
    x = b.input("x", (1, 4), DType.FLOAT32)
    y = b.node(FullyConnected(), [x, b.constant("w", np.eye(4, dtype=np.float32))], name="dense")
    shifted = b.node(Add(), [y, b.constant("three", np.float32(3).reshape(()))])
    gate = b.node(Clamp(RELU6), [shifted])
    product = b.node(Binary("multiply"), [y, gate])
    graph = b.build([b.node(Binary("divide"), [product, b.constant("six", np.float32(6).reshape(()))])])
    platform = Platform()
    assert [node.op.title for node in apply_passes(graph, platform).nodes] == ["fully_connected", "hard_swish"]
    assert len(apply_passes(graph, platform, ["fuse-hard-swish"]).nodes) == 4
