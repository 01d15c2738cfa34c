"""What the generator promises beside the bits: names, files, errors, determinism, flash figures, separate arenas."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import (
    RELU,
    Add,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    Mean,
    Reduce,
    Reshape,
    Softmax,
    Unary,
)
from tinyml_core.platform import Platform
from tinyml_plugins.tinyengine.generator import SHARED, TinyEngine

Q = Quantization.per_tensor
SIZES = {
    "int8_t": 1, "int32_t": 4, "uint32_t": 4, "tinyml_channel": 8, "tinyml_shifted_channel": 12, "tinyml_filters": 32,
}  # fmt: skip


def small_graph(rounding=Rounding.SINGLE, scale=0.05):
    """A stem, a depthwise layer, a residual addition and a head."""
    rng = np.random.default_rng(0)
    b = GraphBuilder("small", rounding)
    x = b.input("image", (1, 8, 8, 3), DType.INT8, Q(0.02, -5))
    w = b.constant("w0", rng.integers(-127, 128, (6, 3, 3, 3)).astype(np.int8), Quantization.per_channel([0.01] * 6, 0))
    x = b.node(Conv2D(padding=(1, 1, 1, 1), activation=RELU), [x, w], name="stem", quantization=Q(scale, -128))
    w = b.constant("w1", rng.integers(-127, 128, (1, 3, 3, 6)).astype(np.int8), Q(0.02))
    y = b.node(DepthwiseConv2D(padding=(1, 1, 1, 1)), [x, w], name="dw", quantization=Q(0.1, 3))
    x = b.node(Add(), [x, y], name="sum", quantization=Q(0.1, 1))
    x = b.node(Mean(), [x], name="pool", quantization=Q(0.05, 1))
    x = b.node(Reshape(shape=(6,)), [x], name="flat", quantization=Q(0.05, 1))
    return b.build([b.node(Softmax(), [x], name="prob", quantization=Q(1 / 256, -128))])


def test_is_registered_by_name():
    generator = Platform().create(CodeGenerator, "tinyengine", {"simd": False})
    assert generator == TinyEngine(simd=False)


def test_names_of_files_and_functions(make_network):
    network = make_network(small_graph(), "kws")
    assert list(network.code.files) == [
        "kws.h",
        "kws.c",
        "kws_weights.h",
        "kws_selftest.c",
        *SHARED,
        "main.c",
    ]
    assert (network.code.invoke, network.code.arena, network.code.example) == ("kws_invoke", "kws_arena", "main.c")
    assert network.code.library == ("kws.c", "kws_selftest.c")
    kinds = [node.op.kind for node in network.graph.nodes]
    assert network.code.layers == tuple(
        "" if kind == "reshape" else f"kws_step{number:02d}_{kind}" for number, kind in enumerate(kinds)
    )
    for symbol in filter(None, network.code.layers):
        assert f"TINYML_LAYER void {symbol}(uint8_t *arena)\n{{" in network.code.files["kws.c"]


def test_header_tells_the_interface(make_network):
    network = make_network(small_graph(), "kws")
    header = network.code.files["kws.h"]
    offset = network.program.buffer_of("image").offset
    for line in (
        f"#define KWS_ARENA_BYTES {network.program.arena_bytes}",
        f"#define KWS_INPUT_OFFSET {offset}",
        "#define KWS_INPUT_BYTES 192",
        "#define KWS_INPUT_SCALE 0.0199999996f",
        "#define KWS_INPUT_ZERO_POINT (-5)",
        "#define KWS_OUTPUT_SCALE 0.00390625f",
        "static inline int8_t *kws_input(void *arena)",
        "int kws_invoke(void *arena);",
        'extern "C" {',
    ):
        assert line in header.splitlines()


def test_header_compiles_as_cpp(make_network, host_compiler, tmp_path):
    (tmp_path / "kws.h").write_text(make_network(small_graph(), "kws").code.files["kws.h"])
    source = tmp_path / "use.cpp"
    source.write_text('#include "kws.h"\nint use(void *arena) { return kws_input(arena)[0] + kws_invoke(arena); }\n')
    command = [host_compiler, "-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_inputs_and_outputs_are_numbered_when_several(make_network):
    b = GraphBuilder("two")
    x, y = (b.input(name, (1, 4), DType.INT8, Q(0.1)) for name in "xy")
    s = b.node(Add(), [x, y], quantization=Q(0.1))
    header = make_network(b.build([s, x])).code.files["net.h"]
    for name in ("net_input_0", "net_input_1", "net_output_0", "net_output_1"):
        assert f"int8_t *{name}(void *arena)" in header


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("scale", [0.05, 0.0001], ids=["right shifts", "left shifts"])
@pytest.mark.parametrize("simd", [True, False])
def test_schedules_tell_the_flash_they_take(make_network, rounding, scale, simd):
    network = make_network(small_graph(rounding, scale), simd=simd)
    arrays = re.findall(r"^static const (\w+) (\w+)\[(\d+)\]", network.code.files["net_weights.h"], flags=re.MULTILINE)
    for step, symbol in zip(network.program.steps, network.code.layers, strict=True):
        own = [SIZES[ctype] * int(length) for ctype, name, length in arrays if symbol and name.startswith(symbol)]
        assert step.schedule.flash == sum(own)


def test_invoke_refuses_a_misaligned_arena(make_network, host_library):
    network = make_network(small_graph())
    invoke = host_library([network])._library.net_invoke
    assert invoke(None) == 1
    assert invoke(4097) == 1


def test_arenas_are_independent(make_network, host_library):
    network = make_network(small_graph())
    library = host_library([network])
    first, second = network.inputs(1), network.inputs(2)
    answers = [library.run(network, inputs) for inputs in (first, second, first)]
    assert answers[0] == answers[2] == network.expected(first)
    assert answers[1] == network.expected(second) != answers[0]


def test_bytes_outside_the_arena_stay_untouched(make_network, host_library):
    network = make_network(small_graph())
    library = host_library([network])
    for fill in (0x00, 0xA5, 0x7F):
        memory = library.arena_after(network, network.inputs(), fill=fill)
        assert set(memory[:64]) == set(memory[-64:]) == {fill}


def test_example_runs(make_network, write_sources, host_compiler, tmp_path, strict_flags):
    network = make_network(small_graph())
    sources = [*write_sources([network], tmp_path), tmp_path / "main.c"]
    subprocess.run([host_compiler, *strict_flags, *map(str, sources), "-o", str(tmp_path / "example")], check=True)
    assert subprocess.run([str(tmp_path / "example")], check=False).returncode == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"(net_step00_conv2d_weights\[\d+\] = \{\n    0x)\w{4}", r"\g<1>7fff"),  # a bias
        (r"(net_step00_conv2d_weights\[\d+\] = \{\n    0x\w{8}u, 0x\w{8}u, 0x)\w{4}", r"\g<1>7f7f"),  # two weights
        (r"0x\w{8}u(\n\};)", r"0x00000101u\1"),  # what requantises the last filters of the first layer
        (r"(net_step05_softmax_exponentials\[256\] = \{\n    )2147483647", r"\g<1>1073741823"),
    ],
)
def test_seeded_faults_are_found(make_network, host_library, before, after):
    """The comparison that all the other tests rely on can fail."""
    graph = small_graph()
    network = make_network(replace(graph, outputs=("sum", *graph.outputs)))
    weights = network.code.files["net_weights.h"]
    changed, count = re.subn(before, after, weights, count=1)
    assert count == 1
    assert changed != weights
    faulty = replace(network, code=replace(network.code, files={**network.code.files, "net_weights.h": changed}))
    library = host_library([faulty])
    assert any(library.run(faulty, faulty.inputs(seed)) != faulty.expected(faulty.inputs(seed)) for seed in range(8))


def test_a_seeded_fault_is_found_on_the_core(make_network, firmware, tmp_path):
    network = make_network(small_graph())
    weights = network.code.files["net_weights.h"]
    changed = weights.replace("    2147483647,", "    1073741823,", 1)
    assert changed != weights
    faulty = replace(network, code=replace(network.code, files={**network.code.files, "net_weights.h": changed}))
    device = firmware("zig", "cortex-m4", [faulty], tmp_path)
    assert any(device.run(faulty, faulty.inputs(seed)) != faulty.expected(faulty.inputs(seed)) for seed in range(8))


def test_layers_are_functions_of_the_binary(make_network, firmware, tmp_path):
    network = make_network(small_graph())
    device = firmware("zig", "cortex-m4", [network], tmp_path)
    called = {row.symbol for row in device.profile(network, network.inputs()).functions}
    assert {symbol for symbol in network.code.layers if symbol} <= called


GENERATE = """
import hashlib, json, sys
sys.path[:0] = json.loads(sys.argv[1])
from compiled_networks.network import make_network
from test_generator import small_graph
files = make_network(small_graph()).code.files
print(hashlib.sha256(json.dumps(files).encode()).hexdigest())
"""


def test_output_is_the_same_in_every_process(make_network, request):
    here = str(request.path.parent)
    digests = {hashlib.sha256(json.dumps(dict(make_network(small_graph()).code.files)).encode()).hexdigest()}
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", GENERATE, json.dumps([here, *sys.path])],
            env={"PYTHONHASHSEED": seed, "PATH": "", "HOME": here, "OMP_NUM_THREADS": "1"},
            capture_output=True, text=True, check=False, cwd="/",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        digests.add(done.stdout.strip())
    assert len(digests) == 1


def test_generated_text_names_version_options_and_digest(make_network):
    from tinyml_core import __version__
    from tinyml_core.graph.serialise import digest

    network = make_network(small_graph(), simd=False)
    head = network.code.files["net.c"].split("*/")[0]
    assert __version__ in head
    assert "simd False" in head
    assert digest(network.graph) in head


def _single(op, dtype, shape, quantization, out):
    b = GraphBuilder("g")
    return b.build([b.node(op, [b.input("x", shape, dtype, quantization)], name="odd one", quantization=out)])


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (_single(Softmax(), DType.INT32, (1, 4), None, None), ("softmax", "int32")),
        (_single(Unary("exp"), DType.INT32, (1, 4), None, None), ("unary", "'exp'", "int32")),
        (_single(Reduce("l2", (0,)), DType.BOOL, (1, 4), None, None), ("reduce", "'l2'", "bool")),
        (_single(Unary("exp"), DType.INT16, (4,), Q(0.1), Q(0.1)), ("unary", "int16", "'exp'")),
        (_single(Unary("abs"), DType.INT32, (4,), Q(0.1), Q(0.1)), ("unary", "int32")),
    ],
)
def test_what_is_not_supported_is_named(graph, words, make_profile):
    with pytest.raises(UnsupportedError) as caught:
        TinyEngine().candidates(graph.nodes[0], graph, make_profile())
    for word in (*words, "odd one"):
        assert word in str(caught.value)


class Unknown(BatchNorm):
    """An operator that a plugin has made up."""

    kind = "unknown"


def test_operator_without_kernel_is_named(make_profile):
    b = GraphBuilder("g")
    parameters = [b.zeros(name, (3,)) for name in ("gamma", "beta", "mean", "variance")]
    x = b.input("x", (1, 3), DType.FLOAT32)
    graph = b.build([b.node(Unknown(), [x, *parameters], name="norm")])
    with pytest.raises(UnsupportedError, match=r"norm.*unknown.*float32"):
        TinyEngine().candidates(graph.nodes[0], graph, make_profile())


def test_more_than_one_sample_is_refused(make_profile):
    b = GraphBuilder("g")
    x = b.input("x", (2, 4, 4, 1), DType.INT8, Q(0.1))
    w = b.constant("w", np.ones((1, 1, 1, 1), np.int8), Q(0.1))
    graph = b.build([b.node(Conv2D(), [x, w], name="conv", quantization=Q(0.1))])
    with pytest.raises(UnsupportedError, match="batch of 2"):
        TinyEngine().candidates(graph.nodes[0], graph, make_profile())


def test_a_core_without_dsp_gets_portable_kernels(make_profile):
    graph = small_graph()
    for node in graph.nodes:
        for profile, simd in ((make_profile("cortex-m0plus"), True), (make_profile("cortex-m4"), False)):
            for schedule in TinyEngine(simd=simd).candidates(node, graph, profile):
                assert schedule.kernel not in {"conv2d_columns", "depthwise_row_pairs", "dense_columns"}
