"""`tinyml memory`: the plan of a network or of a compiled folder, drawn and as one object."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from tinyml_core.cli import tinyml
from tinyml_core.cli.memory_drawing import draw, marks
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import RELU, Conv2D, FullyConnected, Mean
from tinyml_core.graph.serialise import save
from tinyml_core.pipeline.memory_plan import MemoryPlan, PlacedBuffer, PlannedSegment, PlannedStep

Q = Quantization.per_tensor


def run(*arguments, code=0):
    done = CliRunner().invoke(tinyml, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


@pytest.fixture
def model(tmp_path):
    b, rng = GraphBuilder("tall"), np.random.default_rng(0)

    def weights(name, *shape):
        return b.constant(
            name, rng.integers(-9, 9, shape, np.int8), Quantization.per_channel(np.full(shape[0], 0.1), 0)
        )

    x = b.input("image", (1, 32, 32, 3), DType.INT8, Q(0.1))
    for name, width, channels, stride in (("stem", 3, 16, 2), ("wide", 16, 32, 1), ("narrow", 32, 8, 2)):
        op = Conv2D(stride=(stride, stride), padding=(1, 1, 1, 1), activation=RELU)
        x = b.node(op, [x, weights(f"w {name}", channels, 3, 3, width)], name=name, quantization=Q(0.1, -128))
    x = b.node(Mean(), [x], name="pool", quantization=Q(0.1, -128))
    x = b.node(FullyConnected(), [x, weights("w scores", 4, 8)], name="scores", quantization=Q(0.1))
    path = tmp_path / "model.tinyml"
    save(b.build([x]), path)
    return path


def test_the_object_holds_the_plan(model):
    fast = json.loads(run("memory", model, "--json"))
    small = json.loads(run("memory", model, "--objective", "sram", "--json"))
    pushed = json.loads(run("memory", model, "--objective", "sram", "--input", "rows", "--json"))
    assert fast["network"] == "tall"
    assert fast["segments"] == []
    assert fast["arena_bytes"] > small["arena_bytes"] > pushed["arena_bytes"] >= pushed["lower_bound"]
    assert pushed["segments"][0]["pushed"]
    assert pushed["segments"][0]["source"] == "image"
    ring = next(buffer for buffer in pushed["buffers"] if buffer["name"] == "image")
    assert (ring["kind"], ring["rows"], ring["of_rows"], ring["size"]) == ("ring", 3, 32, 3 * 32 * 3)
    assert max(step["live_bytes"] for step in fast["steps"]) == fast["lower_bound"]
    assert fast["steps"][fast["binding_step"]]["live_bytes"] == fast["lower_bound"]


def test_the_picture_names_what_binds(model):
    shown = run("memory", model, "--objective", "sram", "--width", "40")
    assert "tall: arena" in shown
    assert "set by the segment of steps 0 to" in shown
    assert "most of it is " in shown
    assert "3 of 16" in shown


def test_a_compiled_folder_shows_the_plan_of_its_binary(model, tmp_path):
    compiled = json.loads(run("compile", model, "--target", "stm32f746", "--input", "rows", "--objective", "sram",
                              "-o", tmp_path / "out", "--json"))  # fmt: skip
    assert compiled["input"] == "rows"
    planned = json.loads(run("memory", model, "--objective", "sram", "--input", "rows", "--json"))
    assert json.loads(run("memory", tmp_path / "out", "--json")) == planned
    assert planned["arena_bytes"] == compiled["sram_bytes"]["arena"]
    assert json.loads(run("run", tmp_path / "out", "--json"))["exact"]


def test_a_damaged_plan_is_refused(model, tmp_path):
    run("compile", model, "--target", "stm32f746", "-o", tmp_path / "out")
    path = tmp_path / "out" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["memory"]["buffers"][0]["offset"] = 10**12
    path.write_text(json.dumps(manifest))
    done = CliRunner().invoke(tinyml, ["memory", str(tmp_path / "out")])
    assert "lies outside the arena or the steps" in str(done.exception)


def test_every_line_is_as_wide_as_asked_and_shows_each_buffer():
    def buffer(name, kind, offset, size, first, last, rows=None):
        return PlacedBuffer(name=name, kind=kind, size=size, offset=offset, first=first, last=last, shares=None,
                            rows=rows, of_rows=rows and 8)  # fmt: skip

    plan = MemoryPlan(
        arena_bytes=100, lower_bound=100,
        steps=tuple(PlannedStep(name=f"step {n}", operator="clamp", kernel="k", live_bytes=b) for n, b in
                    enumerate([80, 80, 100])),
        segments=(PlannedSegment(first=0, last=1, source="x", pushed=False),),
        buffers=(buffer("x", "tensor", 0, 50, 0, 1), buffer("ring", "ring", 50, 30, 0, 1, 3),
                 buffer("y", "tensor", 0, 99, 2, 2), buffer("tiny", "working", 99, 1, 2, 2)),
    )  # fmt: skip
    named = marks(plan)
    head, *lines = draw(plan, 10)
    assert [line.rsplit("|", 2)[1] for line in lines] == [
        named["x"] * 5 + named["ring"] * 3 + "..", named["x"] * 5 + named["ring"] * 3 + "..", named["y"] * 10,
    ]  # fmt: skip
    assert head.count("|") == 2
    assert [line[5] for line in lines] == ["/", "\\", " "]
    assert [line.rsplit("|", 1)[1] for line in lines] == [" 80", " 80", "*100"]
