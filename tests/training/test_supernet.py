"""The super-network: every network takes its part, a kill changes nothing, and inherited weights classify."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from tinyml_core.api.evaluator import Evaluator
from tinyml_core.api.resolution import at_resolution
from tinyml_core.errors import GraphError, InputError
from tinyml_core.search.candidate import Candidate
from tinyml_plugins.tinynas.dscnn import DsCnnSpace
from tinyml_plugins.tinynas.mcunet import McuNetSpace
from tinyml_plugins.tinynas.resnet import ResNetSpace
from tinyml_plugins.tinynas.space import TinySpace
from tinyml_plugins.training.evaluator import Training
from tinyml_plugins.training.supernet.bounds import explore
from tinyml_plugins.training.supernet.checkpoint import Checkpoint, read, write
from tinyml_plugins.training.supernet.evaluator import Supernet, recalibrate
from tinyml_plugins.training.supernet.recipe import SupernetRecipe
from tinyml_plugins.training.supernet.sampling import Sandwich
from tinyml_plugins.training.supernet.shared import Subnetwork, draw, inherit, part
from tinyml_plugins.training.supernet.sorting import sort_channels
from tinyml_plugins.training.supernet.training import _resized, choose_device, train
from tinyml_plugins.training.torch_graph import TorchGraph

SPACE = TinySpace(
    stem_widths=(8,), stage_widths=((8, 12), (16, 24)), depths=(1, 2), kernels=(3, 5), expansions=(2, 3),
)  # fmt: skip
SHAPE, CLASSES = (8, 8, 1), 10
CPU = torch.device("cpu")


def build(candidate):
    return SPACE.build(candidate, SHAPE, CLASSES)


@pytest.fixture(scope="module")
def bounds():
    return explore(SPACE, build, 0)


@pytest.fixture(scope="module")
def shared(bounds):
    return draw(bounds.constants, 3)


@pytest.fixture(scope="module")
def supernet(digits, tmp_path_factory):
    evaluator = Supernet(
        checkpoint=str(tmp_path_factory.mktemp("supernet") / "supernet.npz"), steps=160, largest_steps=40,
        batch_size=32, device="cpu",
    )  # fmt: skip
    evaluator.prepare(SPACE, digits, 0)
    return evaluator


def images(count=5):
    return np.random.default_rng(0).normal(size=(count, *SHAPE)).astype(np.float32)


def forward(graph, shared, x):
    network = Subnetwork.of(graph, {name: value.shape for name, value in shared.items()}, CPU)
    with torch.inference_mode():
        return network.forward({name: torch.from_numpy(value) for name, value in shared.items()}, torch.from_numpy(x))


def test_the_bounds_are_the_largest_and_the_smallest_network(bounds):
    def extreme(of):
        stage = {"depth": (1, 2), "kernel": (3, 5), "expansion": (2, 3)}
        return Candidate.of(
            {"stages": 2, "stem": 8, "width1": of((8, 12)), "width2": of((16, 24))}
            | {f"{name}{number}": of(row) for name, row in stage.items() for number in (1, 2)}
        )

    assert bounds.largest == extreme(max)
    assert bounds.smallest == extreme(min)


def test_every_network_of_the_space_finds_its_constants(bounds, shared):
    rng = np.random.default_rng(5)
    for _ in range(100):
        inherit(build(SPACE.sample(rng)), shared)
    assert bounds.constants["stage2.block1.depthwise.weights"].shape == (1, 5, 5, 36)


def test_a_network_takes_the_first_channels_and_the_inner_taps():
    assert part("w", (1, 3, 3, 8), (1, 5, 7, 16)) == (slice(0, 1), slice(1, 4), slice(2, 5), slice(0, 8))
    assert part("w", (4, 6), (8, 6)) == (slice(0, 4), slice(0, 6))
    with pytest.raises(InputError, match=r"constant 'w': the network wants \[9\], the super-network holds \[8\]"):
        part("w", (9,), (8,))
    with pytest.raises(InputError, match="holds none"):
        part("w", (9,), ())


def test_sharing_computes_what_the_network_alone_computes_with_its_part(shared):
    """Batch statistics of the samples against running ones set to the same: two ways to one result."""
    candidate = SPACE.sample(np.random.default_rng(2))
    x = images(64)
    alone = TorchGraph(inherit(build(candidate), shared))
    alone.momentum = 0.0
    alone.train()
    with torch.inference_mode():
        expected = alone(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(forward(build(candidate), shared, x).numpy(), expected, rtol=1e-5, atol=1e-5)


def test_two_layers_of_one_name_that_differ_in_kind_cannot_share(bounds):
    def confused(candidate):
        graph = build(candidate)
        if dict(candidate.choices)["kernel1"] == 3:
            return graph
        names = {"stem.weights": "head.weights", "head.weights": "stem.weights"}
        nodes = tuple(
            replace(node, inputs=tuple(names.get(name, name) for name in node.inputs)) for node in graph.nodes
        )
        tensors = {names.get(name, name): replace(t, name=names.get(name, name)) for name, t in graph.tensors.items()}
        return replace(graph, nodes=nodes, tensors=tensors)

    with pytest.raises(GraphError, match="cannot share it"):
        explore(SPACE, confused, 0)


def test_sorting_keeps_what_the_largest_network_computes_and_puts_strong_channels_first(bounds, shared):
    graph, x = build(bounds.largest), images()
    ordered = sort_channels(graph, shared)
    np.testing.assert_allclose(forward(graph, ordered, x), forward(graph, shared, x), rtol=1e-4, atol=1e-5)
    norms = np.abs(ordered["stage1.block1.project.weights"]).sum((0, 1, 2))
    assert (np.diff(norms) <= 1e-5).all()
    assert np.ptp(norms) > 0
    assert not np.array_equal(ordered["stem.weights"], shared["stem.weights"])
    smaller = build(bounds.smallest)
    assert not np.allclose(forward(smaller, ordered, x), forward(smaller, shared, x), atol=1e-3)


def test_each_step_trains_the_smallest_and_random_networks_and_repeats_itself(bounds):
    sandwich = Sandwich(SPACE, bounds, SupernetRecipe(networks=3))
    drawn = sandwich.networks(7, 0)
    assert drawn[0] == bounds.smallest
    assert len(set(drawn)) == 4
    assert drawn == sandwich.networks(7, 0)
    assert drawn != sandwich.networks(8, 0)


def test_shrinking_frees_choices_phase_by_phase(bounds):
    recipe = SupernetRecipe(steps=30, networks=2, shrinking=(("kernel",), ("depth",)))
    sandwich, largest = Sandwich(SPACE, bounds, recipe), dict(bounds.largest.choices)

    def changed(steps):
        return {
            name.rstrip("12")
            for step in steps
            for candidate in sandwich.networks(step, 0)
            for name, choice in candidate.choices
            if choice != largest[name]
        }

    assert changed(range(10)) == {"kernel"}
    assert changed(range(10, 20)) == {"kernel", "depth"}
    assert changed(range(20, 30)) == {"kernel", "depth", "width", "expansion"}


def test_shrinking_that_leaves_nothing_to_choose_is_refused():
    space = TinySpace()
    bounds = explore(space, lambda one: space.build(one, SHAPE, CLASSES), 0)
    recipe = SupernetRecipe(steps=10, shrinking=(("stages",),))
    sandwich = Sandwich(space, bounds, recipe)
    assert {dict(one.choices)["stages"] for one in sandwich.networks(0, 0)} <= {2, 3}


@pytest.mark.parametrize("kill", [7, 17])
def test_a_training_that_was_broken_off_ends_with_the_same_bits(digits, tmp_path, kill):
    options = {"steps": 12, "largest_steps": 10, "checkpoint_steps": 4, "batch_size": 16, "shift": 1, "device": "cpu"}
    whole = train(SPACE, digits, SupernetRecipe(checkpoint=str(tmp_path / "whole.npz"), **options), 1)
    recipe = SupernetRecipe(checkpoint=str(tmp_path / "broken.npz"), **options)

    def break_off(step, loss):
        if step == kill:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SPACE, digits, recipe, 1, break_off)
    steps = []
    resumed = train(SPACE, digits, recipe, 1, lambda step, loss: steps.append(step))
    assert 1 < steps[0] <= kill
    assert resumed.shared.keys() == whole.shared.keys()
    for name, value in whole.shared.items():
        assert value.tobytes() == resumed.shared[name].tobytes(), name
    stored = read(tmp_path / "broken.npz")
    assert stored.done
    assert stored.optimizer == {}


def test_a_killed_process_leaves_a_whole_checkpoint(digits, tmp_path):
    path = tmp_path / "supernet.npz"
    code = (
        "from tinyml_plugins.training.supernet.evaluator import Supernet\n"
        "from tinyml_plugins.tinynas.space import TinySpace\n"
        "from tinyml_plugins.datasets.digits import Digits\n"
        "space = TinySpace(stem_widths=(8,), stage_widths=((8, 12), (16, 24)), depths=(1, 2), kernels=(3, 5), "
        "expansions=(2, 3))\n"
        f"options = dict(checkpoint={str(path)!r}, steps=100000, checkpoint_steps=2, batch_size=8, device='cpu')\n"
        "Supernet(**options).prepare(space, Digits().load(0), 0)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    end = time.monotonic() + 900
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert read(path).step >= 2
    evaluator = Supernet(checkpoint=str(path), steps=100000, batch_size=8, device="cpu")
    with pytest.raises(InputError, match="of 100000 steps"):
        evaluator.evaluate(build(SPACE.sample(np.random.default_rng(0))), digits, 0)


def test_inherited_weights_classify(supernet, digits, bounds):
    assert isinstance(supernet, Evaluator)
    accuracies = {}
    for name in ("largest", "smallest"):
        graph = build(getattr(bounds, name))
        first, again = (supernet.evaluate(graph, digits, seed) for seed in (0, 1))
        assert first.accuracy == again.accuracy
        accuracies[name] = first.accuracy
    assert accuracies["largest"] > 0.85
    assert accuracies["smallest"] > 0.7


def test_recalibration_is_what_makes_them_classify(supernet, digits, bounds):
    graph = inherit(build(bounds.smallest), read_shared(supernet))
    module = TorchGraph(graph)
    x = digits.train.x[:300]
    recalibrate(module, x)
    recalibrated = module.export()
    mean = recalibrated.tensors["stem.mean"].data
    with torch.inference_mode():
        stem = torch.nn.functional.conv2d(
            torch.from_numpy(x).permute(0, 3, 1, 2), module.constants["stem.weights"].permute(0, 3, 1, 2), padding=1
        )
    batches = [stem[:256].mean((0, 2, 3)), stem[256:].mean((0, 2, 3))]
    np.testing.assert_allclose(mean, torch.stack(batches).mean(0), rtol=1e-4, atol=1e-5)


def read_shared(supernet):
    from pathlib import Path

    return read(Path(supernet.recipe.checkpoint)).shared


def test_training_goes_on_from_inherited_weights(supernet, digits, bounds):
    inherited = supernet.evaluate(build(bounds.smallest), digits, 0)
    tuned = Training(steps=60, learning_rate=0.003).evaluate(inherited.graph, digits, 0)
    assert tuned.accuracy > inherited.accuracy


def test_a_finished_super_network_is_not_trained_again(supernet, digits):
    steps = []
    supernet.prepare(SPACE, digits, 0, lambda step, loss: steps.append(step))
    assert steps == []


def test_the_checkpoint_of_another_super_network_is_refused(supernet, digits):
    with pytest.raises(InputError, match="another space, dataset, seed or recipe"):
        supernet.prepare(SPACE, digits, 1)
    with pytest.raises(InputError, match="another space, dataset, seed or recipe"):
        supernet.prepare(TinySpace(), digits, 0)


def test_a_network_of_another_space_is_refused(supernet, digits):
    space = TinySpace()
    largest = explore(space, lambda one: space.build(one, SHAPE, CLASSES), 0).largest
    with pytest.raises(InputError, match="judge networks of the space the super-network was trained for"):
        supernet.evaluate(space.build(largest, SHAPE, CLASSES), digits, 0)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, digits):
    path = tmp_path / "supernet.npz"
    evaluator = Supernet(checkpoint=str(path))
    graph = build(SPACE.sample(np.random.default_rng(0)))
    with pytest.raises(InputError, match=r"supernet\.npz"):
        evaluator.evaluate(graph, digits, 0)
    np.savez(path, x=np.zeros(3))
    with pytest.raises(InputError, match="holds no super-network"):
        evaluator.evaluate(graph, digits, 0)
    write(path, Checkpoint(bytes(32), 3, 3, {"stem.weights": np.zeros((8, 3, 3, 1), np.float32)}, {}))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"supernet\.npz"):
        Supernet(checkpoint=str(path)).evaluate(graph, digits, 0)


def test_networks_of_several_resolutions_share_their_weights(digits, tmp_path):
    space = McuNetSpace(widths=(0.25,), resolutions=(16, 24), depths=(1,), kernels=(3,), expansions=(2, 3))
    evaluator = Supernet(checkpoint=str(tmp_path / "s.npz"), steps=25, batch_size=16, learning_rate=0.02, device="cpu")
    losses = []
    evaluator.prepare(space, digits, 0, lambda step, loss: losses.append(loss))
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    choices = dict(space.sample(np.random.default_rng(0)).choices)
    graphs = [space.build(Candidate.of(choices | {"resolution": size}), SHAPE, CLASSES) for size in (16, 24)]
    assert [graph.tensors["image"].shape[1:3] for graph in graphs] == [(16, 16), (24, 24)]
    small, large = (evaluator.evaluate(graph, digits, 0).graph.tensors for graph in graphs)
    assert small["stem.weights"].data.tobytes() == large["stem.weights"].data.tobytes()
    assert small["stem.mean"].data.tobytes() != large["stem.mean"].data.tobytes()


def test_training_resizes_as_judging_does(bounds):
    x = np.random.default_rng(0).random((3, *SHAPE), np.float32)
    graph = SPACE.build(bounds.largest, (5, 11, 1), CLASSES)
    trained = _resized(torch.from_numpy(x), graph).numpy()
    np.testing.assert_allclose(trained, at_resolution(x, (5, 11, 1)), atol=1e-6)


SPACES = [
    (ResNetSpace(), (16, 16, 3)),
    (DsCnnSpace(), (49, 10, 1)),
    (DsCnnSpace(), (64, 3)),
    (McuNetSpace(depths=(1, 2), block_widths=(0.5, 1.0), squeeze_excite=True), (32, 32, 3)),
]


@pytest.mark.parametrize(("space", "shape"), SPACES, ids=("resnet", "dscnn", "dscnn-signal", "mcunet"))
def test_any_space_will_do(space, shape):
    """No space is known to the super-network: its largest network, its sharing and its sorting follow from graphs."""
    found = explore(space, lambda one: space.build(one, shape, CLASSES), 0)
    constants = draw(found.constants, 0)
    rng = np.random.default_rng(1)
    graphs = [space.build(space.sample(rng), shape, CLASSES) for _ in range(30)]
    largest = space.build(found.largest, shape, CLASSES)
    assert largest.macs + largest.parameters >= max(graph.macs + graph.parameters for graph in graphs)
    x = rng.normal(size=(4, *shape)).astype(np.float32)
    ordered = sort_channels(largest, constants)
    expected = forward(largest, constants, x).numpy()
    np.testing.assert_allclose(forward(largest, ordered, x), expected, atol=0.01 * np.ptp(expected))
    assert sum(not np.array_equal(constants[name], ordered[name]) for name in constants) > 5
    for graph in graphs[:3]:
        assert forward(graph, constants, x).isfinite().all()


@pytest.mark.parametrize(
    "options", [{"networks": -1}, {"calibration": 1}, {"checkpoint": ""}, {"steps": 0}, {"checkpoint_steps": 0}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        Supernet(**options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_cuda_where_there_is_none_is_refused():
    with pytest.raises(InputError, match="no CUDA"):
        choose_device("cuda")
    assert choose_device("auto") == CPU
