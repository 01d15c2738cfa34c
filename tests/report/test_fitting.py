"""Smaller networks that can be planned, and the changes that make a network fit."""

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import AveragePool2D, Conv2D, FullyConnected, Reshape, Slice
from tinyml_core.graph.serialise import load
from tinyml_core.pipeline.compilation import STACK_RESERVE, CompileOptions, plan_for
from tinyml_core.pipeline.fitting import fit, planned
from tinyml_core.pipeline.fitting_planner import Budget
from tinyml_core.pipeline.shrinking import shrunk
from tinyml_core.platform import Platform


@pytest.fixture(scope="module")
def platform():
    return Platform()


@pytest.fixture(scope="module")
def target(platform):
    return platform.target("nrf52832")


@pytest.fixture(scope="module")
def integers(compiled):
    return load(compiled / "model.tinyml")


def flattened(rows=8):
    """A convolution, a pooling over the whole image, a flattening and two dense layers, int8."""
    scale = Quantization.per_tensor(0.1)
    b = GraphBuilder("flat")
    x = b.input("image", (1, rows, rows, 3), DType.INT8, scale)

    def weights(name, *shape):
        return b.constant(name, np.ones(shape, np.int8), Quantization.per_channel(np.full(shape[0], 0.1), 0))

    y = b.node(Conv2D(), [x, weights("w1", 16, 1, 1, 3)], name="conv", quantization=scale)
    p = b.node(AveragePool2D(kernel=(rows, rows)), [y], name="pool", quantization=scale)
    f = b.node(Reshape(shape=(1, 16)), [p], name="flatten", quantization=scale)
    h = b.node(FullyConnected(), [f, weights("w2", 16, 16)], name="hidden", quantization=scale)
    return b.build([b.node(FullyConnected(), [h, weights("w3", 5, 16)], name="classes", quantization=scale)])


def test_a_narrower_network_keeps_its_ends(integers):
    half = shrunk(integers, width=0.5)
    shapes = {node.name: half.outputs_of(node)[0].shape for node in half.nodes}
    assert (shapes["stem"], shapes["depth"], shapes["scores"]) == ((1, 12, 12, 8), (1, 12, 12, 8), (1, 3))
    assert half.tensors["image"].shape == (1, 12, 12, 2)
    assert half.macs < 0.55 * integers.macs
    assert execute(half, {"image": np.zeros((1, 12, 12, 2), np.int8)})["scores"].shape == (1, 3)


def test_smaller_images_change_poolings_and_flattenings():
    small = shrunk(flattened(), image=(6, 4), width=0.5)
    shapes = {node.name: small.outputs_of(node)[0].shape for node in small.nodes}
    assert shapes == {
        "conv": (1, 6, 4, 8),
        "pool": (1, 1, 1, 8),
        "flatten": (1, 8),
        "hidden": (1, 8),
        "classes": (1, 5),
    }


def test_what_cannot_be_shrunk_says_so():
    scale = Quantization.per_tensor(0.1)
    b = GraphBuilder("sliced")
    x = b.input("image", (1, 8, 8, 3), DType.INT8, scale)
    y = b.node(Slice(starts=(0, 5, 0, 0), sizes=(1, 3, 8, 3), steps=(1, 1, 1, 1)), [x], name="cut", quantization=scale)
    assert shrunk(b.build([y]), image=(4, 4)) is None
    b = GraphBuilder("vector")
    y = b.node(Reshape(shape=(8, 1)), [b.input("x", (1, 8), DType.INT8, scale)], name="r", quantization=scale)
    assert shrunk(b.build([y]), image=(4, 4)) is None


def test_a_network_that_fits_is_told_what_would_save_sram(integers, target, platform):
    found = fit(integers, target, CompileOptions(), platform, Budget(sram=65536, flash=524288))
    assert found.fits
    assert all(change.sram < found.sram and not change.retrain for change in found.changes)


def options_of(flags):
    """What ``tinyml compile`` would be told."""
    words = flags.split()
    given = dict(zip(words[::2], words[1::2], strict=True))
    return CompileOptions(
        objective=given.get("--objective", "latency"), input_mode=given.get("--input", "resident"),
        sram=int(given["--sram"]),
    )  # fmt: skip


@pytest.mark.parametrize("sram", [3700, 3500, 2600])
def test_changes_are_plans_that_fit(integers, target, platform, sram):
    found = fit(integers, target, CompileOptions(), platform, Budget(sram=sram, flash=524288))
    assert not found.fits
    assert found.sram > sram
    assert 1 <= len(found.changes) <= 3
    assert all(change.fits and change.sram <= sram and change.flash <= 524288 for change in found.changes)
    assert not any(change.fits for change in found.rejected)
    assert all(change.sram > sram for change in found.rejected)


def test_a_change_is_what_its_flags_compile_to(integers, target, platform):
    found = fit(integers, target, CompileOptions(), platform, Budget(sram=3700, flash=524288))
    rows, images, channels = found.changes
    for change, graph in (
        (rows, integers), (images, shrunk(integers, image=(10, 10))), (channels, shrunk(integers, width=0.75)),
    ):  # fmt: skip
        program = plan_for(graph, target, options_of(change.flags), platform)
        assert change.sram == program.arena_bytes + STACK_RESERVE, change


def test_the_largest_smaller_image_is_chosen(integers, target, platform):
    found = fit(integers, target, CompileOptions(), platform, Budget(sram=3500, flash=524288))
    assert found.changes[0].title == "Images of 8 x 8 instead of 12 x 12"
    larger = planned(shrunk(integers, image=(10, 10)), target, CompileOptions(), platform, sram=3500)
    assert larger.arena_bytes + STACK_RESERVE > 3500


def test_a_float_network_is_told_to_quantise(floats, target, platform):
    found = fit(floats, target, CompileOptions(), platform, Budget(sram=9000, flash=524288))
    assert not found.fits
    quantise = next(each for each in (*found.changes, *found.rejected) if each.title == "Quantise")
    assert quantise.flash < found.flash / 2


def test_a_part_that_is_too_small_is_told_a_larger_one(target, platform):
    wide = flattened(rows=200)
    found = fit(wide, target, CompileOptions(), platform, Budget(sram=65536, flash=524288))
    parts = [change for change in (*found.changes, *found.rejected) if change.title.startswith("A larger part")]
    assert len(found.changes) == 3 or parts
    for change in parts:
        name = change.flags.removeprefix("--target ")
        assert platform.target(name).largest("sram").size >= change.sram > 65536
