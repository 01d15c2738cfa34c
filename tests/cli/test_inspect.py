"""`tinyml inspect`: layers, totals, memory, and what would be refused and why."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from tinyml_core.cli import tinyml
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import RELU, Clamp, Conv2D, FullyConnected, MaxPool2D, Mean, Pad, Softmax
from tinyml_core.graph.serialise import save
from tinyml_core.platform import Platform

Q = Quantization.per_tensor


def run(*arguments):
    done = CliRunner().invoke(tinyml, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def classifier():
    b = GraphBuilder("classifier")
    rng = np.random.default_rng(0)

    def weights(name, *shape):
        scales = np.full(shape[0], 0.01)
        return b.constant(name, rng.integers(-127, 128, shape).astype(np.int8), Quantization.per_channel(scales, 0))

    x = b.input("image", (1, 8, 6, 3), DType.INT8, Q(0.05, -3))
    x = b.node(Pad(((0, 0), (1, 1), (1, 1), (0, 0))), [x], name="pad", quantization=Q(0.05, -3))
    bias = b.constant("bias", np.zeros(5, np.int32))
    x = b.node(Conv2D(activation=RELU), [x, weights("w", 5, 3, 3, 3), bias], name="stem", quantization=Q(0.1, -128))
    x = b.node(Mean(), [x], name="pool", quantization=Q(0.1, -128))
    return b.build([b.node(FullyConnected(), [x, weights("v", 4, 5)], name="scores", quantization=Q(0.2, 5))])


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.tinyml"
    save(classifier(), path)
    return path


def test_the_report(model, tmp_path):
    report = json.loads(run("inspect", model, "--json"))
    assert report["target"] == "stm32f746"
    assert [(layer["name"], layer["operator"], layer["macs"], layer["parameters"]) for layer in report["layers"]] == [
        ("pad", "pad", 0, 0), ("stem", "conv2d", 48 * 135, 140), ("pool", "mean", 0, 0),
        ("scores", "fully_connected", 20, 20),
    ]  # fmt: skip
    stem = report["layers"][1]
    assert [tensor["shape"] for tensor in stem["inputs"]] == [[1, 10, 8, 3]]
    assert stem["outputs"] == [{"name": "stem", "shape": [1, 8, 6, 5], "type": "int8", "scale": [np.float32(0.1)],
                                "zero_point": [-128]}]  # fmt: skip
    assert (report["macs"], report["parameters"], report["constant_bytes"]) == (6500, 160, 175)
    assert [(port["name"], port["zero_point"]) for port in report["inputs"]] == [("image", [-3])]
    assert [port["name"] for port in report["outputs"]] == ["scores"]
    assert report["after_passes"]["nodes"] == 3  # the padding went into the convolution
    assert report["refused"] == []


def test_the_arena_is_the_compilers(model, tmp_path):
    memory = json.loads(run("inspect", model, "--target", "stm32f412", "--json"))["sram_bytes"]
    compiled = Platform().compile(model, "stm32f412", tmp_path / "out")
    assert (memory["arena"], memory["lower_bound"]) == (compiled.manifest.arena_bytes, compiled.manifest.lower_bound)
    assert memory["binding"] == "stem"


def test_people_read_the_same(model):
    shown = run("inspect", model)
    for part in ("int8 1x8x6x3", "6,480", "total: 4 layers, 6,500 MACs", "input image", "nothing is refused", "arena"):
        assert part in shown


def test_every_refusal_is_told_and_nothing_is_planned(tmp_path):
    b = GraphBuilder("refused")
    x = b.input("x", (1, 4, 4, 2), DType.INT8, Q(0.1))
    x = b.node(MaxPool2D(), [x], name="pool\x1b[31m", quantization=Q(0.2))
    x = b.node(Clamp(RELU), [x], name="relu", quantization=Q(0.2))
    graph = b.build([b.node(Softmax(), [x], name="softmax", quantization=Q(0.1))])
    save(graph, tmp_path / "refused.tinyml")
    report = json.loads(run("inspect", tmp_path / "refused.tinyml", "--json"))
    assert report["sram_bytes"] is None
    assert [(each["name"], each["operator"]) for each in report["refused"]] == [
        ("pool\x1b[31m", "max_pool2d"), ("softmax", "softmax"),
    ]  # fmt: skip
    reasons = [each["reason"] for each in report["refused"]]
    assert "scale and zero point" in reasons[0]
    assert "1/256" in reasons[1]
    shown = run("inspect", tmp_path / "refused.tinyml")
    assert "\x1b" not in shown
    assert r"pool\x1b[31m" in shown
    assert "1/256" in shown
    assert "not planned" in shown


def test_a_float_network_is_shown_without_scales(tmp_path):
    b = GraphBuilder("float")
    x = b.input("x", (1, 4), DType.FLOAT32)
    save(b.build([b.node(Clamp(RELU), [x], name="relu")]), tmp_path / "float.tinyml")
    report = json.loads(run("inspect", tmp_path / "float.tinyml", "--json"))
    assert report["layers"][0]["outputs"] == [
        {"name": "relu", "shape": [1, 4], "type": "float32", "scale": None, "zero_point": None}
    ]
    assert "float32 1x4" in run("inspect", tmp_path / "float.tinyml")
