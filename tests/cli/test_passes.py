"""`tinyml passes` and `--without`: which passes run, in which order, and what each changes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from tinyml_core.cli import tinyml
from tinyml_core.config import CompileSection, Project, read_project
from tinyml_core.errors import InputError
from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization
from tinyml_core.graph.operators import Conv2D, Pad
from tinyml_core.graph.serialise import load, save
from tinyml_core.pipeline.building import compile_options
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.pipeline.searching import check_choices
from tinyml_core.platform import Platform

Q = Quantization.per_tensor


def network() -> Graph:
    """A pad, a convolution with one dead filter of four, and one that reads it."""
    b = GraphBuilder("padded")
    x = b.input("image", (1, 6, 6, 2), DType.INT8, Q(0.05, -3))
    x = b.node(Pad(((0, 0), (1, 1), (1, 1), (0, 0))), [x], name="pad", quantization=Q(0.05, -3))
    weights = np.random.default_rng(0).integers(-127, 128, (4, 3, 3, 2)).astype(np.int8)
    weights[1] = 0
    x = b.node(Conv2D(), [x, b.constant("w1", weights, Q(0.01))], name="first", quantization=Q(0.4, 7))
    weights = np.arange(12, dtype=np.int8).reshape(3, 1, 1, 4)
    x = b.node(Conv2D(), [x, b.constant("w2", weights, Q(0.01))], name="last", quantization=Q(0.4, 7))
    return b.build([x])


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "padded.tinyml"
    save(network(), path)
    return path


def run(*arguments):
    done = CliRunner().invoke(tinyml, [str(each) for each in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_the_list_is_in_the_order_they_run():
    names = [row["name"] for row in json.loads(run("passes", "--json"))["passes"]]
    assert names[0] == "drop-dead-nodes"
    assert names.index("fold-batch-norm") < names.index("fuse-activation") < names.index("remove-constant-channels")
    shown = run("passes")
    assert all(name in shown for name in names)
    assert [row["plugin"] for row in json.loads(run("passes", "--json"))["passes"]] == ["passes"] * len(names)


def test_with_a_model_it_tells_what_each_changed(model):
    report = json.loads(run("passes", model, "--json"))
    assert report["network"] == "padded"
    changed = {row["name"]: row for row in report["passes"] if row["changed"]}
    assert set(changed) == {"fold-pad", "remove-constant-channels"}
    assert changed["fold-pad"]["before"]["nodes"] == changed["fold-pad"]["after"]["nodes"] + 1
    assert changed["remove-constant-channels"]["after"] == {
        "nodes": 2, "macs": 36 * (3 * 18 + 3 * 3), "constant_bytes": 3 * 18 + 3 * 3,
    }  # fmt: skip
    assert "3,024 -> 2,268" in run("passes", model)


def test_a_pass_can_be_left_out(model):
    report = json.loads(run("passes", model, "--without", "fold-pad", "--without", "fuse-activation", "--json"))
    assert not {"fold-pad", "fuse-activation"} & {row["name"] for row in report["passes"]}
    assert report["passes"][-1]["after"]["nodes"] == 3


def test_compile_leaves_it_out_too(model, tmp_path):
    names = {}
    for without in ((), ("fold-pad",), ("fold-pad", "remove-constant-channels")):
        out = tmp_path / f"out{len(without)}"
        run("compile", model, "--target", "stm32f746", "-o", out, *(f"--without={name}" for name in without))
        graph = load(out / "model.tinyml")
        names[without] = ([node.name for node in graph.nodes], graph.tensors["first"].shape[-1])
    assert list(names.values()) == [
        (["first", "last"], 3),
        (["pad", "first", "last"], 3),
        (["pad", "first", "last"], 4),
    ]
    assert Platform().run(tmp_path / "out0").exact


def test_an_unknown_pass_is_refused_with_the_nearest_name(model, tmp_path):
    with pytest.raises(InputError, match=r"'fold-padd'; did you mean 'fold-pad'\?"):
        run("passes", "--without", "fold-padd")
    with pytest.raises(InputError, match="did you mean 'fold-pad'"):
        run("compile", model, "--target", "stm32f746", "-o", tmp_path / "o", "--without", "fold-padd")
    assert not (tmp_path / "o").exists()


def test_a_project_leaves_passes_out():
    project = read_project(None, [("compile.without", "[fold-pad, fuse-activation]")])
    assert project.compile.without == ("fold-pad", "fuse-activation")
    assert compile_options(project.compile).without == project.compile.without
    assert CompileOptions().without == CompileSection().without == ()


def test_a_project_with_an_unknown_pass_fails_before_anything_runs():
    project = Project.model_validate({"compile": {"without": ["fuse-activatoin"]}})
    with pytest.raises(InputError, match="did you mean 'fuse-activation'"):
        check_choices(project, Platform())


def test_names_from_a_file_are_escaped(tmp_path):
    graph = replace(network(), name="evil\x1b[2J[red]")
    save(graph, tmp_path / "evil.tinyml")
    shown = run("passes", tmp_path / "evil.tinyml")
    assert "\x1b" not in shown
    assert r"evil\x1b[2J[red]" in shown
