"""A float network and samples become an int8 network on the device: exact, and close to the floats it came from."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import GraphError, InputError, PluginError, UnsupportedError
from tinyml_core.graph import DType, GraphBuilder
from tinyml_core.graph.operators import RELU, Add, BatchNorm, Clamp, Conv2D, FullyConnected, MatMul, Mean
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


def test_without_calibration_a_float_network_stays_float(platform, tmp_path):
    platform.compile(float_network(), "stm32f746", tmp_path / "out")
    assert platform.load(tmp_path / "out" / "model.tinyml").tensors["image"].dtype is DType.FLOAT32


def test_the_quantiser_can_be_chosen(platform, tmp_path):
    with pytest.raises(PluginError, match=r"'ptk'.*did you mean 'ptq'"):
        compiled(platform, {"x": SAMPLES}, tmp_path / "out", quantizer="ptk")
    with pytest.raises(InputError, match="percentile"):
        compiled(platform, {"x": SAMPLES}, tmp_path / "out", quantizer_options={"percentile": 3.0})
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


def test_several_inputs_are_refused(platform, tmp_path):
    b = GraphBuilder("two")
    names = [b.input(name, (1, 4), DType.FLOAT32) for name in ("left", "right")]
    graph = b.build([b.node(Add(), names)])
    with pytest.raises(UnsupportedError, match="has 2 inputs"):
        platform.compile(graph, "stm32f746", tmp_path / "out", CompileOptions(calibration={}))


def test_an_operator_without_an_int8_form_is_named(platform, tmp_path):
    b = GraphBuilder("squares")
    x = b.input("x", (1, 4, 4), DType.FLOAT32)
    graph = b.build([b.node(MatMul(), [x, x], name="square")])
    options = CompileOptions(calibration={"x": np.ones((3, 4, 4), np.float32)})
    with pytest.raises(GraphError, match=r"'square'.*has no int8 form"):
        platform.compile(graph, "stm32f746", tmp_path / "out", options)
