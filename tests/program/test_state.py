"""State: what replaces an input lies where the input lay, and nothing reads or overwrites it in between."""

import numpy as np
import pytest

from planned_execution import BOARD, pseudo_kernels, run_program
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import GraphError, UnsupportedError
from tinyml_core.graph import DType, GraphBuilder
from tinyml_core.graph.operators import Add, Binary, Reshape, Unary
from tinyml_core.graph.verify import verify
from tinyml_core.program import Schedule
from tinyml_core.program.planner import plan

SHAPE = (1, 4, 3, 8)


def learner(seed, *, layers=4):
    """Layers of random functions of a value, a weight and a momentum, both of which every layer replaces."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder("learner")
    value = b.input("x", SHAPE, DType.FLOAT32)
    pairs = [(b.input(f"w{i}", SHAPE, DType.FLOAT32), b.input(f"m{i}", SHAPE, DType.FLOAT32)) for i in range(layers)]
    state, values = {}, [value]
    for weight, _ in pairs:
        value = b.node(Binary("multiply"), [values[rng.integers(len(values))], weight])
        values.append(b.node(Unary("tanh"), [value]) if rng.random() < 0.5 else value)
    for weight, momentum in sorted(pairs, key=lambda _: rng.random()):
        kept = b.node(Unary("negate"), [momentum])
        state[momentum] = b.node(Add(), [kept, values[rng.integers(len(values))]], name=f"{momentum}.new")
        moved = b.node(Binary("multiply"), [state[momentum], values[-1]])
        state[weight] = b.node(Binary("subtract"), [weight, moved], name=f"{weight}.new")
    return verify(b.build([values[-1], *state.values()], state=state))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("objective", ["latency", "sram"])
def test_replaced_where_it_was_read(seed, objective):
    graph = learner(seed)
    program = plan(graph, BOARD, pseudo_kernels(graph), objective=objective)
    for name, updated in graph.state.items():
        assert program.buffer_of(updated).offset == program.buffer_of(name).offset
    rng = np.random.default_rng(seed)
    inputs = {name: rng.standard_normal(SHAPE).astype(np.float32) for name in graph.inputs}
    outputs, expected = run_program(program, inputs, seed), execute(graph, inputs)
    for name in graph.outputs:
        np.testing.assert_array_equal(outputs[name], expected[name])


def test_costs_no_second_place():
    graph = learner(0, layers=1)
    elementwise = plan(graph, BOARD, pseudo_kernels(graph, scratch=False)).arena_bytes
    assert elementwise <= 5 * graph.tensors["x"].bytes


def test_a_kernel_that_cannot_replace_in_place_is_not_chosen():
    b = GraphBuilder("one")
    w = b.input("w", SHAPE, DType.FLOAT32)
    graph = b.build([b.node(Unary("negate"), [w], name="new")], state={w: "new"})
    with pytest.raises(UnsupportedError, match=r"'new'.*cannot replace state in place"):
        plan(graph, BOARD, lambda _: [Schedule(kernel="apart", cycles=1)])
    both = [Schedule(kernel="apart", cycles=1), Schedule(kernel="over it", cycles=9, in_place=(0,))]
    assert plan(graph, BOARD, lambda _: both).steps[0].schedule.kernel == "over it"


def test_the_verifier_names_what_cannot_be_state():
    b = GraphBuilder("broken")
    w, x = b.input("w", SHAPE, DType.FLOAT32), b.input("x", SHAPE, DType.FLOAT32)
    new = b.node(Add(), [w, x], name="new")
    late = b.node(Add(), [w, new], name="late")
    flat = b.node(Reshape((96,)), [x], name="flat")
    for state, said in [
        ({w: new}, "'late'.*reads 'w' after"),
        ({w: late, x: late}, "two inputs"),
        ({w: flat}, "another type"),
        ({w: x}, "is no input that"),
        ({"other": late}, "is no input that"),
    ]:
        with pytest.raises(GraphError, match=said):
            verify(b.build([new, late, flat], state=state))
