"""A float network and samples become an int8 network on the device: exact, and close to the floats it came from."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from tinyml_core.arithmetic.executor import execute
from tinyml_core.cli import tinyml
from tinyml_core.errors import GraphError, InputError, PluginError
from tinyml_core.graph import DType, GraphBuilder
from tinyml_core.graph.operators import (
    RELU,
    Add,
    BatchNorm,
    Binary,
    Clamp,
    Concat,
    Conv2D,
    FullyConnected,
    Gather,
    Mean,
)
from tinyml_core.graph.serialise import save
from tinyml_core.npz import write_npz
from tinyml_core.pipeline.compilation import CompileOptions


def float_network():
    """Batch normalisation, a residual, and an NCHW source, as an importer would leave them."""
    rng = np.random.default_rng(3)
    b = GraphBuilder("floats")

    def constant(name, *shape, least=-0.5):
        return b.constant(name, rng.uniform(least, 0.5, shape).astype(np.float32))

    x = b.input("image", (1, 8, 6, 2), DType.FLOAT32)
    a = b.node(Conv2D(padding=(1, 1, 1, 1)), [x, constant("w1", 4, 3, 3, 2)], name="stem")
    a = b.node(BatchNorm(), [a, *(constant(f"n{i}", 4, least=0.1) for i in range(4))], name="norm")
    a = b.node(Clamp(activation=RELU), [a], name="relu")
    c = b.node(Conv2D(), [a, constant("w2", 4, 1, 1, 4), constant("b2", 4)], name="mix")
    m = b.node(Mean(), [b.node(Add(), [a, c], name="residual")], name="pool")
    y = b.node(FullyConnected(), [m, constant("w3", 3, 4), constant("b3", 3)], name="scores")
    return replace(b.build([y]), axes={"image": (0, 2, 3, 1)})


SAMPLES = np.random.default_rng(4).uniform(-1, 1, (40, 2, 8, 6)).astype(np.float32)  # NCHW, as the source


def compiled(platform, samples, out, **options):
    return platform.compile(float_network(), "stm32f746", out, CompileOptions(calibration=samples, **options))


def test_a_calibrated_network_is_exact_and_close_to_the_floats(platform, tmp_path):
    compiled(platform, {"x": SAMPLES}, tmp_path / "out")
    execution = platform.run(tmp_path / "out", {"image": SAMPLES[:12]})
    assert execution.exact
    network = float_network()
    expected = [execute(network, {"image": each.transpose(1, 2, 0)[np.newaxis]})["scores"] for each in SAMPLES[:12]]
    floats = np.concatenate(expected)
    assert execution.outputs["scores"].dtype == np.float32
    assert np.abs(execution.outputs["scores"] - floats).max() < 0.05 * np.ptp(floats)


def test_the_command_line_gives_the_same_network(platform, tmp_path):
    save(float_network(), tmp_path / "floats.tinyml")
    write_npz(tmp_path / "x.npz", {"image": SAMPLES.astype(np.float64)})
    arguments = ["compile", "floats.tinyml", "--target", "stm32f746", "--out", "out", "--calibration", "x.npz"]
    done = subprocess.run(
        [sys.executable, "-m", "tinyml_core", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    compiled(platform, {"image": SAMPLES}, tmp_path / "again")
    for name in ("model.c", "model_weights.h"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.parametrize("ranges", ["percentile", "mse"])
def test_the_command_line_reaches_the_quantisers_options(platform, tmp_path, ranges):
    save(float_network(), tmp_path / "floats.tinyml")
    write_npz(tmp_path / "x.npz", {"x": SAMPLES})
    arguments = ["compile", str(tmp_path / "floats.tinyml"), "--target", "stm32f746", "--out", str(tmp_path / "out")]
    arguments += ["--calibration", str(tmp_path / "x.npz"), "--set", f"quantizer.options.ranges={ranges}"]
    done = CliRunner().invoke(tinyml, [*arguments, "--set", "quantizer.options.equalise=true"])
    assert done.exit_code == 0, done.output
    options = {"ranges": ranges, "equalise": True}
    compiled(platform, {"x": SAMPLES}, tmp_path / "again", quantizer_options=options)
    compiled(platform, {"x": SAMPLES}, tmp_path / "plain")
    first, again, plain = ((tmp_path / name / "model.c").read_bytes() for name in ("out", "again", "plain"))
    assert first == again != plain


def test_without_calibration_a_float_network_stays_float(platform, tmp_path):
    platform.compile(float_network(), "stm32f746", tmp_path / "out")
    assert platform.load(tmp_path / "out" / "model.tinyml").tensors["image"].dtype is DType.FLOAT32


def test_the_quantiser_can_be_chosen(platform, tmp_path):
    with pytest.raises(PluginError, match=r"'ptk'.*did you mean 'ptq'"):
        compiled(platform, {"x": SAMPLES}, tmp_path / "out", quantizer="ptk")
    with pytest.raises(InputError, match="percentile"):
        compiled(platform, {"x": SAMPLES}, tmp_path / "out", quantizer_options={"percentile": 3.0})
    assert list(tmp_path.iterdir()) == []


def test_wrong_options_of_the_quantiser_are_named(platform, tmp_path):
    for options, message in (
        ({"ranges": "msw"}, r"quantizer.options.ranges: 'msw' is not one of .*did you mean 'mse'"),
        ({"rangs": "mse"}, r"quantizer.options.rangs: unknown option .*did you mean 'ranges'"),
        ({"equalise": 1}, r"quantizer.options.equalise: 1 is not of type bool"),
    ):
        with pytest.raises(InputError, match=message):
            compiled(platform, {"x": SAMPLES}, tmp_path / "out", quantizer_options=options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ({}, r"calibration, input array 'image': is missing; give one array for each of 'image'"),
        ({"x": SAMPLES.transpose(0, 2, 3, 1)}, r"has shape \[40, 8, 6, 2\], \[samples, 2, 8, 6\] is needed"),
        ({"x": SAMPLES[:0]}, "has shape"),
        ({"x": np.where(SAMPLES > 0.9, np.nan, SAMPLES)}, "no finite float32"),
        ({"x": np.full(SAMPLES.shape, 1e300)}, "no finite float32"),
    ],
)
def test_wrong_samples_are_named(platform, tmp_path, samples, message):
    with pytest.raises(InputError, match=message):
        compiled(platform, samples, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_quantised_network_is_refused(platform, network, tmp_path):
    options = CompileOptions(calibration={"x": np.zeros((1, 8, 8, 1), np.float32)})
    with pytest.raises(InputError, match=r"is quantised already.*leave out"):
        platform.compile(network, "stm32f746", tmp_path / "out", options)


def two_inputs(*, indexed=False):
    """A table's row, chosen by the index where there is one, is put beside what a dense layer makes of the sample."""
    rng = np.random.default_rng(5)
    b = GraphBuilder("two")
    left = b.input("left", (1, 4), DType.FLOAT32)
    weights = b.constant("w", rng.uniform(-1, 1, (6, 4)).astype(np.float32))
    dense = b.node(FullyConnected(), [left, weights], name="dense")
    if indexed:
        table = b.constant("table", rng.uniform(-2, 2, (5, 3)).astype(np.float32))
        right = b.node(Gather(axis=0), [table, b.input("right", (1,), DType.INT32)], name="row")
    else:
        right = b.input("right", (1, 3), DType.FLOAT32)
    return b.build([b.node(Concat(axis=1), [dense, right], name="both")])


def two_samples(*, indexed=False, count=40):
    rng = np.random.default_rng(6)
    right = rng.integers(0, 5, (count, 1), np.int32) if indexed else rng.uniform(-3, 1, (count, 3))
    return {"left": rng.uniform(-1, 1, (count, 4)).astype(np.float32), "right": right}


@pytest.mark.parametrize("indexed", [False, True])
def test_a_network_of_several_inputs_is_exact_and_close_to_the_floats(platform, tmp_path, indexed):
    graph, samples = two_inputs(indexed=indexed), two_samples(indexed=indexed)
    platform.compile(graph, "stm32f746", tmp_path / "out", CompileOptions(calibration=samples))
    typed = {name: each.astype(graph.tensors[name].dtype.numpy) for name, each in samples.items()}
    execution = platform.run(tmp_path / "out", {name: each[:12] for name, each in typed.items()})
    assert execution.exact
    floats = [
        execute(graph, {name: each[index].reshape(graph.tensors[name].shape) for name, each in typed.items()})["both"]
        for index in range(12)
    ]
    assert np.abs(execution.outputs["both"] - np.concatenate(floats)).max() < 0.03


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"right": None}, r"input array 'right': is missing; give one array for each of 'left', 'right'"),
        ({"right": np.zeros((7, 3), np.float32)}, "calibration, input arrays: hold different numbers of samples"),
        ({"right": np.zeros((40, 4), np.float32)}, r"input array 'right': has shape \[40, 4\]"),
        ({"left": np.full((40, 4), np.nan)}, r"input array 'left': holds values that are no finite float32"),
    ],
)
def test_wrong_samples_of_one_input_are_named(platform, tmp_path, change, message):
    samples = {name: each for name, each in (two_samples() | change).items() if each is not None}
    with pytest.raises(InputError, match=message):
        platform.compile(two_inputs(), "stm32f746", tmp_path / "out", CompileOptions(calibration=samples))
    assert list(tmp_path.iterdir()) == []


def test_indices_must_be_integers(platform, tmp_path):
    samples = two_samples(indexed=True)
    samples["right"] = samples["right"].astype(np.float32)
    with pytest.raises(InputError, match=r"'right': holds float32 where the network takes int32"):
        platform.compile(two_inputs(indexed=True), "stm32f746", tmp_path / "out", CompileOptions(calibration=samples))


def test_an_operator_without_an_int8_form_is_named(platform, tmp_path):
    b = GraphBuilder("squares")
    x = b.input("x", (1, 4, 4), DType.FLOAT32)
    graph = b.build([b.node(Binary("power"), [x, b.constant("two", np.float32(2).reshape(1))], name="square")])
    options = CompileOptions(calibration={"x": np.ones((3, 4, 4), np.float32)})
    with pytest.raises(GraphError, match=r"'square' \(power\): has no int8 form"):
        platform.compile(graph, "stm32f746", tmp_path / "out", options)
