"""Seeded miscompilations, more than thirty: the comparison with the reference must notice every one.

A mutant is generated from a changed graph (wrong constants and geometry), from a changed plan (wrong places, rings and
orders) or by changing the C itself; it then runs as if it were the network it was seeded into.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import re
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from compiled_networks.network import Network, make_profile
from tinyml_core.api.generator import GeneratedCode
from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import RELU, Add, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mean, Softmax
from tinyml_core.program.planner import plan
from tinyml_core.program.program import ARRIVAL, Program
from tinyml_plugins.tinyengine.generator import SHARED, TinyEngine

Q = Quantization.per_tensor
SEEDS = range(4)
GUARD = 256


def rich_graph(rounding: Rounding = Rounding.SINGLE) -> Graph:
    """Convolutions of three kinds, an addition, both poolings, a dense layer, a softmax; activations over all of int8.

    The last feature map is an output too: a mean and a softmax hide what is wrong by a step here and there.
    """
    rng = np.random.default_rng(5)
    b = GraphBuilder("rich", rounding)

    def linear(op, x, source_scale, shape, axis, scale, zero, name):
        fan = int(np.prod(shape)) // shape[axis]
        ideal = scale / (source_scale * 70 * np.sqrt(fan))  # turns activations of 45 steps into such
        scales = ideal * rng.uniform(0.7, 1.3, shape[axis])
        w = b.constant(
            f"{name}_w", rng.integers(-127, 128, shape).astype(np.int8), Quantization.per_channel(scales, axis)
        )
        reach = int(20 * scale / (source_scale * ideal))
        bias = b.constant(f"{name}_b", rng.integers(-reach, reach, shape[axis]).astype(np.int32), Q(1.0))
        return b.node(op, [x, w, bias], name=name, quantization=Q(scale, zero))

    x = b.input("image", (1, 33, 21, 3), DType.INT8, Q(0.05, -7))
    x = linear(
        Conv2D(stride=(2, 2), padding=(1, 1, 1, 1), activation=(0.0, 3.0)),
        x,
        0.05,
        (10, 3, 3, 3),
        0,
        0.03,
        -128,
        "stem",
    )
    y = linear(
        DepthwiseConv2D(padding=(1, 1, 1, 1), activation=RELU), x, 0.03, (1, 3, 3, 10), 3, 0.04, -100, "depthwise"
    )
    y = linear(Conv2D(), y, 0.04, (10, 1, 1, 10), 0, 0.035, 5, "project")
    x = b.node(Add(), [x, y], name="residual", quantization=Q(0.06, -9))
    x = b.node(MaxPool2D(kernel=(2, 2), stride=(1, 1)), [x], name="pool", quantization=Q(0.06, -9))
    mix = linear(Conv2D(stride=(2, 1), padding=(1, 0, 0, 1)), x, 0.06, (12, 3, 3, 10), 0, 0.05, 11, "mix")
    x = b.node(Mean((1, 2)), [mix], name="mean", quantization=Q(0.01, 3))
    x = linear(FullyConnected(), x, 0.01, (9, 12), 0, 0.02, -4, "dense")
    return b.build([b.node(Softmax(), [x], name="prob", quantization=Q(1 / 256, -128)), mix])


PLANS = {
    "whole": {"objective": "latency"},
    "rows": {"objective": "sram", "input_mode": "rows"},
    "tflite": {"objective": "latency"},
}
GENERATOR, PROFILE = TinyEngine(), make_profile("cortex-m4")


def planned(graph: Graph, way: str) -> Program:
    return plan(graph, PROFILE, lambda node: GENERATOR.candidates(node, graph, PROFILE), **PLANS[way])


@pytest.fixture(scope="module")
def originals() -> dict[str, Network]:
    """The network by plan."""
    networks = {}
    for number, way in enumerate(PLANS):
        graph = rich_graph(Rounding.TFLITE if way == "tflite" else Rounding.SINGLE)
        program = planned(graph, way)
        networks[way] = Network(graph, program, GENERATOR.generate(program, f"right{number}"))
    return networks


# Changes of the graph


def operator(name: str, **changes: object) -> Callable[[Graph], Graph]:
    def change(graph: Graph) -> Graph:
        nodes = [replace(n, op=replace(n.op, **changes)) if n.name == name else n for n in graph.nodes]
        return replace(graph, nodes=tuple(nodes))

    return change


def data(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Graph], Graph]:
    def changed(graph: Graph) -> Graph:
        tensor = graph.tensors[name]
        new = np.ascontiguousarray(change(tensor.data.copy())).astype(tensor.data.dtype)
        return replace(graph, tensors={**graph.tensors, name: replace(tensor, data=new)})

    return changed


def scales(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Graph], Graph]:
    def changed(graph: Graph) -> Graph:
        tensor = graph.tensors[name]
        new = change(np.array(tensor.quantization.scale, np.float64))
        quantization = Quantization.per_channel(new, tensor.quantization.axis)
        return replace(graph, tensors={**graph.tensors, name: replace(tensor, quantization=quantization)})

    return changed


def input_zero_point(graph: Graph) -> Graph:
    tensor = replace(graph.tensors["image"], quantization=Q(0.05, -6))
    return replace(graph, tensors={**graph.tensors, "image": tensor})


def addends(*names: str) -> Callable[[Graph], Graph]:
    def change(graph: Graph) -> Graph:
        nodes = [replace(n, inputs=names) if n.name == "residual" else n for n in graph.nodes]
        return replace(graph, nodes=tuple(nodes))

    return change


def swapped(axis: int, i: int, j: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        order = np.arange(values.shape[axis])
        order[[i, j]] = order[[j, i]]
        return values.take(order, axis)

    return change


def at(index: object, value: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        values[index] = value
        return values

    return change


# Changes of the plan


def moved(name: str, to: Callable[[Program], int]) -> Callable[[Program], Program]:
    def change(program: Program) -> Program:
        buffers = [replace(b, offset=to(program)) if b.name == name else b for b in program.buffers]
        return replace(program, buffers=tuple(buffers))

    return change


def start(name: str) -> Callable[[Program], int]:
    return lambda program: program.buffer(name).offset


def end(tensor: str, before: int = 0) -> Callable[[Program], int]:
    """The address ``before`` bytes before the end of a tensor."""

    def address(program: Program) -> int:
        buffer = program.buffer_of(tensor)
        return buffer.offset + buffer.size - before

    return address


def shorter_ring(program: Program) -> Program:
    """The first ring of a tensor inside a segment keeps a row less than is needed."""
    ring = next(b for b in program.buffers if b.rows and b.rows > 1 and b.name not in program.graph.inputs)
    buffers = [replace(b, rows=b.rows - 1) if b is ring else b for b in program.buffers]
    return replace(program, buffers=tuple(buffers))


def order(change: Callable[[list[int]], list[int]]) -> Callable[[Program], Program]:
    def changed(program: Program) -> Program:
        first, *rest = program.segments
        return replace(program, segments=(replace(first, order=tuple(change(list(first.order)))), *rest))

    return changed


def too_early(events: list[int]) -> list[int]:
    """The first row computed before the last row it needs is there."""
    first = next(i for i, event in enumerate(events) if event != ARRIVAL)
    events[first - 1 : first + 1] = events[first], events[first - 1]
    return events


def without_a_row(events: list[int]) -> list[int]:
    """One row of the last step is never computed."""
    last = max(events)
    del events[len(events) - 1 - events[::-1].index(last)]
    return events


# Changes of the C


def text(name: str, pattern: str, replacement: str) -> Callable[[GeneratedCode], GeneratedCode]:
    """Change a file; ``.c`` stands for the network's own."""

    def change(code: GeneratedCode) -> GeneratedCode:
        file = code.library[0] if name == ".c" else name
        new, count = re.subn(pattern, replacement, code.files[file], count=1)
        assert count == 1, f"{pattern} is no longer in {file}"
        return replace(code, files={**code.files, file: new})

    return change


def unwritten(step: str, start: int, count: int, stride: int = 1) -> Callable[[GeneratedCode], GeneratedCode]:
    """Bytes of the arena that a layer's function leaves as they were."""
    keep = f"uint8_t kept[{count}]; for (int i = 0; i < {count}; ++i) kept[i] = arena_[{start} + i * {stride}];"
    restore = f"for (int i = 0; i < {count}; ++i) arena_[{start} + i * {stride}] = kept[i];"
    return text(".c", rf"(?m)^    \w+_{step}\(arena\);", rf"{{ uint8_t *arena_ = arena; {keep} \g<0> {restore} }}")


def stale_pixel(code: GeneratedCode) -> GeneratedCode:
    """The last pixel of the stem, 10 channels."""
    return unwritten("step00_conv2d", end("stem")(planned(rich_graph(), "whole")) - 10, 10)(code)


def stale_channel(code: GeneratedCode) -> GeneratedCode:
    """The last of the 12 channels of every pixel."""
    buffer = planned(rich_graph(), "whole").buffer_of("mix")
    return unwritten("step05_conv2d", buffer.offset + 11, buffer.size // 12, 12)(code)


def slots(code: GeneratedCode) -> GeneratedCode:
    """The caller is told a ring of another length."""
    return replace(code, feed=replace(code.feed, slots=code.feed.slots - 1))


@dataclass(frozen=True)
class Mutation:
    """One fault; ``plan`` says into which network it is seeded."""

    name: str
    graph: Callable[[Graph], Graph] | None = None
    program: Callable[[Program], Program] | None = None
    code: Callable[[GeneratedCode], GeneratedCode] | None = None
    plan: str = "whole"


ARITHMETIC = "tinyml_arithmetic.h"
SATURATION = r"if \(value > high\) \{\s+value = high;\s+\}"
AWAY = r"\(high \+ half \+ away\)"
HALF = r"\+ INT64_C\(0x80000000\)\) >> 32"
MUTATIONS = (
    Mutation("a row of padding too few above", operator("stem", padding=(0, 2, 1, 1))),
    Mutation("a column of padding too many on the left", operator("mix", padding=(1, 0, 1, 0))),
    Mutation("depthwise window one column off", operator("depthwise", padding=(1, 1, 0, 2))),
    Mutation("input zero point off by one", input_zero_point),
    Mutation("upper clamp limit one step low", operator("stem", activation=(0.0, 2.97))),
    Mutation("lower clamp limit forgotten", operator("depthwise", activation=(-np.inf, np.inf))),
    Mutation("bias missing", data("stem_b", np.zeros_like)),
    Mutation("bias of the last channel missing", data("project_b", at(-1, 0))),
    Mutation("two filters swapped", data("mix_w", swapped(0, 3, 4))),
    Mutation("pairs of input channels interleaved wrongly", data("project_w", swapped(3, 0, 1))),
    Mutation("window transposed", data("stem_w", lambda w: w.transpose(0, 2, 1, 3))),
    Mutation("last tap dropped", data("mix_w", at((slice(None), 2, 2, -1), 0))),
    Mutation("one weight with the wrong sign", data("dense_w", lambda w: np.where(w == w.max(), -w, w))),
    Mutation("one shift off by one", scales("project_w", lambda s: np.where(np.arange(10) == 9, s * 2, s))),
    Mutation("one multiplier taken for another's", scales("depthwise_w", swapped(0, 2, 3))),
    Mutation("scales per channel taken as per tensor", scales("mix_w", lambda s: np.full_like(s, s[0]))),
    Mutation("rounded twice instead of once", lambda graph: replace(graph, rounding=Rounding.TFLITE)),
    Mutation("the same operand added twice", addends("stem", "stem")),
    Mutation("exponentials of another scale", operator("prob", beta=1.1)),
    Mutation("buffers overlap by a byte", program=moved("depthwise", end("stem", 1))),
    Mutation("in place where the input is still read", program=moved("depthwise", start("stem"))),
    Mutation("scratch over the end of the input", program=moved("scratch of mix", end("pool", 80))),
    Mutation("output one byte further", program=moved("prob", lambda p: p.buffer_of("prob").offset + 1)),
    Mutation("a ring one row short: a stale row", program=shorter_ring, plan="rows"),
    Mutation("a row computed before its input is there", program=order(too_early), plan="rows"),
    Mutation("a row never computed", program=order(without_a_row), plan="rows"),
    Mutation("two rings in one place", program=moved("pool", start("stem")), plan="rows"),
    Mutation("wrong modulo of the input's rows", code=slots, plan="rows"),
    Mutation("tail pixel dropped", code=stale_pixel),
    Mutation("tail channel dropped", code=stale_channel),
    Mutation("truncated instead of rounded", code=text(ARITHMETIC, HALF, ") >> 32")),
    Mutation("wrapped instead of saturated", code=text(ARITHMETIC, SATURATION, "(void)high;")),
    Mutation("negative halves rounded up", code=text(ARITHMETIC, AWAY, "(high + half)"), plan="tflite"),
)  # fmt: skip


def mutant(mutation: Mutation, original: Network, prefix: str) -> Network:
    """What to run: the wrong code, and the plan and graph it is taken for."""
    graph = mutation.graph(original.graph) if mutation.graph else original.graph
    program = planned(graph, mutation.plan) if mutation.graph else original.program
    program = mutation.program(program) if mutation.program else program
    code = GENERATOR.generate(program, prefix)
    code = mutation.code(code) if mutation.code else code
    right = GENERATOR.generate(original.program, prefix)
    assert _statements(code) != _statements(right) or code.feed != right.feed, f"{mutation.name} changes nothing"
    return Network(original.graph, original.program, code)


def _statements(code: GeneratedCode) -> list[str]:
    """The C without comments and without the known-answer test."""
    files = {name: written for name, written in code.files.items() if name != code.library[1]}
    return [re.sub(r"(?s)/\*.*?\*/", "", files[name]) for name in sorted(files)]


def test_there_are_thirty_and_more():
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 30


def test_the_networks_themselves_are_right(originals, host_compiler, tmp_path):
    runs = compiled(host_compiler, list(originals.values()), tmp_path)
    assert not [way for way, noticed in zip(originals, runs, strict=True) if noticed]


def test_every_miscompilation_is_noticed(originals, host_compiler, tmp_path):
    assert any(b.rows for b in originals["rows"].program.buffers if b.name != "image"), "no ring inside a segment"
    mutants = [mutant(each, originals[each.plan], f"mutant{number}") for number, each in enumerate(MUTATIONS)]
    noticed = compiled(host_compiler, mutants, tmp_path)
    missed = [mutation.name for mutation, seen in zip(MUTATIONS, noticed, strict=True) if not seen]
    assert not missed


def compiled(compiler: str, networks: list[Network], folder) -> list[bool]:
    """Whether any output or guard byte of each network is wrong; those that share their headers share a compilation."""
    units: dict[str, list[str]] = {}
    for number, network in enumerate(networks):
        home = folder / f"m{number}"
        home.mkdir()
        for name, written in network.code.files.items():
            (home / name).write_text(written, encoding="ascii")
        shared = "".join(network.code.files[name] for name in SHARED)
        units.setdefault(shared, []).append(f'#include "m{number}/{network.code.library[0]}"\n')
    sources = [folder / f"unit{number}.c" for number in range(len(units))]
    for source, included in zip(sources, units.values(), strict=True):
        source.write_text("".join(included))
    library = folder / "mutants.so"
    command = [compiler, "-std=c99", "-w", "-O0", "-shared", "-fPIC", *map(str, sources), "-o", str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:2000]
    loaded = ctypes.CDLL(str(library))
    references = {id(each.graph): each for each in networks}
    expected = {key: [each.expected(each.inputs(seed)) for seed in SEEDS] for key, each in references.items()}
    return [_noticed(loaded, each, expected[id(each.graph)]) for each in networks]


def _noticed(library: ctypes.CDLL, network: Network, expected: list[bytes]) -> bool:
    """In a process of its own, which may die of the fault or never end."""
    child = os.fork()
    if child == 0:
        faulthandler.disable()
        signal.alarm(30)
        os._exit(int(any(_wrong(library, network, seed, right) for seed, right in zip(SEEDS, expected, strict=True))))
    return os.waitpid(child, 0)[1] != 0


def _wrong(library: ctypes.CDLL, network: Network, seed: int, expected: bytes) -> bool:
    inputs, size = network.inputs(seed), network.program.arena_bytes
    memory = (ctypes.c_uint8 * (size + 2 * GUARD + 16))()
    ctypes.memset(memory, 0xA5, ctypes.sizeof(memory))
    base = -(-(ctypes.addressof(memory) + GUARD) // 16) * 16
    start = base - ctypes.addressof(memory)

    def call(symbol: str) -> None:
        function = getattr(library, symbol)
        function.argtypes = [ctypes.c_void_p]
        function(base)

    network.drive(inputs, lambda offset, values: ctypes.memmove(base + offset, values, len(values)), call)
    after = bytes(memory)
    guards = set(after[:start]) | set(after[start + size :])
    return guards != {0xA5} or network.outputs(after[start : start + size]) != expected
