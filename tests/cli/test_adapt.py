"""`tinyml adapt`: a network learns, the emulated core learns the same, and what cannot be done is refused by name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from tinyml_core.cli import tinyml
from tinyml_core.errors import CapacityError, InputError, PluginError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import RELU, Conv2D, FullyConnected, Reshape
from tinyml_core.graph.serialise import save
from tinyml_core.npz import read_npz, write_npz
from tinyml_core.pipeline.manifest import read_manifest
from tinyml_core.platform import Platform

CLASSES = 4


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Random filters and three scores: a new head can tell patterns by what the filters find."""
    rng, b = np.random.default_rng(1), GraphBuilder("patterns")
    x = b.input("image", (1, 6, 6, 1), DType.INT8, Quantization.per_tensor(1 / 128))
    weights = b.constant("w", rng.integers(-127, 128, (4, 3, 3, 1)).astype(np.int8), Quantization.per_tensor(0.01))
    bias = b.constant("b", np.zeros(4, np.int32), Quantization.per_tensor(0.01 / 128))
    act = Quantization.per_tensor(0.03, -128)
    y = b.node(Conv2D((2, 2), (1, 1, 1, 1), activation=RELU), [x, weights, bias], name="filters", quantization=act)
    y = b.node(Reshape((1, 36)), [y], name="flat", quantization=act)
    weights = b.constant("v", rng.integers(-127, 128, (3, 36)).astype(np.int8), Quantization.per_tensor(0.01))
    y = b.node(FullyConnected(), [y, weights], name="scores", quantization=Quantization.per_tensor(0.2))
    path = tmp_path_factory.mktemp("model") / "patterns.tinyml"
    save(b.build([y]), path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Noisy pictures of four patterns."""
    rng = np.random.default_rng(2)
    patterns = rng.normal(0, 0.4, (CLASSES, 6, 6, 1))
    y = np.arange(120) % CLASSES
    path = tmp_path_factory.mktemp("data") / "patterns.npz"
    x = patterns[y] + rng.normal(0, 0.15, (120, 6, 6, 1))
    write_npz(path, {"x": x.astype(np.float32), "y": y})
    return path


def run(*arguments):
    done = CliRunner().invoke(tinyml, [str(each) for each in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def adapt(model, data, out, *more):
    return run("adapt", model, "--data", data, "--target", "stm32f746", "-o", out, *more)


def test_a_new_head_learns_and_the_device_learns_the_same(model, data, tmp_path):
    out = tmp_path / "out"
    report = json.loads(adapt(model, data, out, "--head", CLASSES, "--selector", "sparse", "--rate", 0.1, "--json"))
    assert (report["exact"], report["differing_bytes"], report["samples"]) == (True, 0, 3)
    assert report["accuracy"]["after"] >= 0.9 > report["accuracy"]["before"]
    assert report["scheme"] == []
    assert report["learnt"] == {"tensors": 2, "numbers": 37 * CLASSES, "bytes": 4 * 37 * CLASSES}
    assert report["sram_bytes"]["total"] > report["sram_bytes"]["stack"] > 0 < report["instructions"]
    assert report["microjoules"] is None or report["microjoules"]["low"] < report["microjoules"]["high"]
    assert report == json.loads((out / "report.json").read_text())
    first, last = read_npz(out / "state.npz"), read_npz(out / "trained.npz")
    assert first.keys() == last.keys() == read_manifest(out).state.keys()
    assert all(np.any(first[name] != last[name]) for name in first)


def test_integer_layers_learn_and_a_person_reads_it(model, data, tmp_path):
    choice = ("--selector", "sparse", "--set", "selector.options.bias_layers=1")
    choice += ("--set", "selector.options.weights=[[0, 1]]", "--steps", 8, "--device-steps", 4, "--head", CLASSES)
    choice += ("--accumulate", 2)
    shown = adapt(model, data, tmp_path / "out", *choice)
    assert "exact on 8 samples" in shown
    assert "1 of 1" in shown
    assert "accuracy after 8 samples" in shown


def test_the_folder_can_be_run_again_and_its_state_goes_on(model, data, tmp_path):
    out = tmp_path / "out"
    adapt(model, data, out, "--head", CLASSES, "--steps", 2)
    rng = np.random.default_rng(0)
    inputs = {
        "image": rng.integers(-128, 128, (5, 6, 6, 1)).astype(np.int8),
        "target": np.eye(CLASSES, dtype=np.float32)[[0, 1, 2, 3, 0]],
        "rate": np.full(5, 0.1, np.float32),
        "seed": np.arange(5, dtype=np.int32),
    }
    execution = Platform().run(out, inputs)
    assert execution.exact
    assert execution.outputs["loss"].shape == (5,)
    first = {name: array[:1] for name, array in inputs.items()}
    losses = [
        Platform().run(out, first, trained=out / f"{name}.blob").outputs["loss"] for name in ("shipped", "trained")
    ]
    assert losses[0] == execution.outputs["loss"][0] != losses[1]
    with pytest.raises(InputError, match="is no blob"):
        run("run", out, "--trained", damaged(out / "trained.blob"))
    alone = Platform().run(out, {name: array[4:] for name, array in inputs.items()})
    assert alone.outputs["loss"][0] != execution.outputs["loss"][4]
    write_npz(out / "state.npz", {"head.weight": np.zeros(3, np.float32)})
    with pytest.raises(InputError, match="do not belong together"):
        Platform().run(out, inputs)


def test_auto_chooses_within_the_sram_that_a_plan_needs(model, data, tmp_path):
    """On the reference executor, in this process; a budget that was too small has cost no fine-tuning twice."""
    tried = ("--head", CLASSES, "--steps", 4, "--selector", "auto", "--set", "selector.options.fine_tuner=simulation")
    tried += ("--set", "selector.options.executor=serial", "--set", "selector.options.samples=16")
    tried += ("--set", "selector.options.generations=10")
    with pytest.raises(CapacityError, match=r"bytes of SRAM are needed .*stm32f746"):
        adapt(model, data, tmp_path / "out", *tried, "--sram", 2600)
    (journal,) = tmp_path.iterdir()
    assert journal.read_text().count('"finished"') == 2 + 1  # biases of no layer, of one; its only input channel
    report = json.loads(adapt(model, data, tmp_path / "out", *tried, "--sram", 9000, "--json"))
    assert report["exact"]
    assert report["sram_bytes"]["arena"] + 2048 <= 9000
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def damaged(blob):
    """The file, whose first byte is another from now on."""
    blob.write_bytes(b"x" + blob.read_bytes()[1:])
    return blob


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ((), InputError, "has 4 classes, the network 3; give it a new head: --head 4"),
        (("--head", 4, "--sram", 2600), CapacityError, "bytes"),
        (("--head", 4, "--steps", 1, "--epochs", 1), InputError, "both given"),
        (("--head", 4, "--selector", "bias-onyl"), PluginError, "bias-only"),
        (("--head", 4, "--set", "optimizer.options.rate=3"), InputError, "rate"),
        (("--head", 4, "--set", "selector.options.layers=7"), InputError, "1 layers before the classifier, not 7"),
        (("--head", 4, "--set", "colour=red"), InputError, "colour"),
    ],
)
def test_what_cannot_be_done_leaves_nothing_behind(model, data, tmp_path, more, error, words):
    with pytest.raises(error, match=words):
        adapt(model, data, tmp_path / "out", *more)
    assert list(tmp_path.iterdir()) == []


def test_data_must_be_named_and_suit(model, tmp_path):
    with pytest.raises(InputError, match="no data to learn from is given; name it with --data"):
        run("adapt", model, "--target", "stm32f746", "-o", tmp_path / "out")
    with pytest.raises(InputError, match="shape"):
        write_npz(tmp_path / "x.npz", {"x": np.zeros((40, 5), np.float32), "y": np.arange(40) % 3})
        adapt(model, tmp_path / "x.npz", tmp_path / "out")
    assert not (tmp_path / "out").exists()
