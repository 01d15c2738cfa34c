"""The generator: what it refuses, and that equal programs give equal bytes."""

from __future__ import annotations

import numpy as np
import pytest
from networks import Network

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.operators import Add, Conv2D, Unary
from tinyml_core.graph.tensor import DType, Quantization


@pytest.fixture(scope="module")
def generator(platform):
    return platform.create(CodeGenerator, "portable-c")


def test_equal_programs_give_equal_sources(generator, compiled):
    first, again = (generator.generate(compiled.program, "model").files for _ in range(2))
    assert first == again
    written = {name: (compiled.folder / name).read_text() for name in first}
    assert written == first


def test_names_of_the_network_do_not_reach_c(generator, platform):
    network = Network(0)
    network.linear(Conv2D(), (4, 1, 1, 3), 4, 0)
    graph = network.build()
    renamed = type(graph)(
        "*/ evil", graph.tensors, tuple(type(n)("*/ x", n.op, n.inputs, n.outputs) for n in graph.nodes),
        graph.inputs, graph.outputs, graph.rounding,
    )  # fmt: skip
    from tinyml_core.program.planner import plan

    part = platform.target("esp32c3")
    program = plan(renamed, part, lambda node: generator.candidates(node, renamed, part))
    assert not any("evil" in text or "*/ x" in text for text in generator.generate(program, "net").files.values())


@pytest.mark.parametrize("prefix", ["", "1a", "a-b", "a" * 60])
def test_prefixes_that_are_no_names_are_refused(generator, compiled, prefix):
    with pytest.raises(InputError, match="prefix"):
        generator.generate(compiled.program, prefix)


def test_what_it_does_not_know_is_told_by_name(generator, platform):
    b = GraphBuilder("g")
    x = b.input("x", (1, 4), DType.FLOAT32)
    graph = b.build([b.node(Unary("tanh"), [x], name="squash")])
    with pytest.raises(UnsupportedError, match=r"squash.*float32 to float32.*tinyengine"):
        generator.candidates(graph.nodes[0], graph, platform.target("esp32c3"))


def test_additions_that_broadcast_are_refused(generator, platform):
    b, q = GraphBuilder("g"), Quantization.per_tensor(0.1)
    x = b.input("x", (1, 2, 2, 4), DType.INT8, q)
    other = b.constant("c", np.ones(4, np.int8), q)
    graph = b.build([b.node(Add(), [x, other], quantization=q)])
    with pytest.raises(UnsupportedError, match="no kernel"):
        generator.candidates(graph.nodes[0], graph, platform.target("esp32c3"))
