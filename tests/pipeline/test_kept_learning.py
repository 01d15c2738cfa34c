"""What a step's C offers besides: prediction, reset, and trained tensors that survive a power failure at any point."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.pipeline.compilation import CompileOptions, plan_for
from tinyml_core.pipeline.manifest import read_manifest
from tinyml_core.pipeline.training import (
    Lessons,
    compile_step,
    difference,
    falling,
    interface_of,
    simulate,
    train_on_device,
)
from tinyml_core.platform import Platform
from tinyml_core.training import FloatHead, Simulation, build_step
from tinyml_core.training.blob import read_blob, write_blob

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
STEPS, OPTIONS = 5, CompileOptions(objective="sram")
SCHEME = UpdateScheme((LayerUpdate("stem", True, ()), LayerUpdate("mix", True, (1, 3, 4))))


@pytest.fixture(scope="module")
def step(network):
    rule = Platform().create(TrainingOptimizer, "momentum")
    return build_step(network, SCHEME, rule, head=FloatHead(4), samples=2)


@pytest.fixture(scope="module")
def lessons():
    rng = np.random.default_rng(3)
    x = rng.integers(-128, 128, (STEPS, 1, 8, 8, 1)).astype(np.int8)
    return Lessons(x, np.eye(4, dtype=np.float32)[rng.integers(0, 4, STEPS)], falling(0.05, STEPS))


@pytest.fixture(scope="module")
def simulation(step, lessons):
    simulation = Simulation(step)
    simulate(simulation, lessons)
    return simulation


@pytest.fixture(scope="module")
def power_failure():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import power_failure

        yield power_failure


@pytest.fixture(scope="module")
def board(power_failure, step, tmp_path_factory):
    return power_failure.Board(step, tmp_path_factory.mktemp("board"), Platform(), "stm32f746")


def equal(left, right):
    return left.keys() == right.keys() and all(left[name].tobytes() == right[name].tobytes() for name in left)


def test_the_core_begins_learns_predicts_and_begins_anew(board, step, lessons, simulation):
    board.lose_power(np.random.default_rng(0))
    assert board.call("model_reset") == 0
    shipped = {each.name: each.initial for each in step.variables}
    assert equal(board.variables, shipped)
    begun = Simulation(step)
    assert np.array_equal(board.predict(lessons.x[0]), begun.predict(lessons.x[0]))
    board.learn(lessons)
    learnt = board.variables
    assert equal(learnt, simulation.variables)
    assert all(np.array_equal(board.predict(x), simulation.predict(x)) for x in lessons.x)
    assert equal(board.variables, learnt)
    assert not np.array_equal(simulation.predict(lessons.x[0]), begun.predict(lessons.x[0]))
    assert board.call("model_reset") == 0
    assert equal(board.variables, shipped)
    apart = {"mix.weight.learnt", "head.bias"}  # in flash as part of the whole weights, and zeros
    assert apart < {each.parameter.name for each in step.learnt}
    assert board.shipped_bytes == sum(each.initial.nbytes for each in step.learnt if each.parameter.name not in apart)


def test_a_laptop_reads_what_a_board_learnt_and_the_reverse(board, step, simulation):
    blob = write_blob(board.layout, simulation.variables, 9)
    assert board.imported(blob) == 0
    kept = {tensor.name: simulation.variables[tensor.name] for tensor in board.layout.tensors}
    assert equal(board.trained(), kept)
    assert board.exported(9) == blob
    assert equal(dict(read_blob(board.layout, board.exported(10)).variables), kept)
    before = board.variables
    for place in range(0, len(blob), 7):
        damaged = bytearray(blob)
        damaged[place] ^= 1 << place % 8
        assert board.imported(bytes(damaged)) == 2
    assert board.imported(blob[:-1]) == board.imported(b"") == 2
    assert equal(board.variables, before)


def test_power_that_fails_while_a_board_saves_leaves_the_old_or_the_new(board, power_failure, step, simulation):
    old, new = {each.name: each.initial for each in step.variables}, simulation.variables
    found = power_failure.interrupted(board, old, new, 50, seed=4)
    assert (found.old + found.new, found.wrong) == (50, 0)
    assert found.old > 0 < found.new
    everywhere = power_failure.interrupted_everywhere(board.layout, old, new)
    assert everywhere.wrong == 0 < everywhere.new < everywhere.old


def test_a_mixture_would_be_seen(power_failure, step, simulation):
    old, new = {each.name: each.initial for each in step.variables}, dict(simulation.variables)
    mixed = {**new, "stem.bias": old["stem.bias"]}
    assert power_failure.Outcomes().with_one(mixed, old, new).wrong == 1
    assert power_failure.Outcomes().with_one(None, old, new).wrong == 1


def test_an_empty_store_is_told_and_two_saves_alternate(board, simulation):
    blank = b"\xff" * board.layout.size
    assert board.keep(simulation.variables, (blank, blank), 0xFFFFFFFF, 0)
    first = board.slots
    assert first[1] == blank
    assert board.keep(simulation.variables, first, 0xFFFFFFFF, 0)
    second = board.slots
    assert second[0] == first[0]
    assert [read_blob(board.layout, blob).sequence for blob in second] == [1, 2]
    assert not board.keep(simulation.variables, (blank, blank), 10, 0)
    assert board.call("power_restore") == 2


def test_a_plan_that_writes_over_what_learns_is_refused(step):
    platform = Platform()
    program = plan_for(step.whole, platform.target("stm32f746"), OPTIONS, platform)
    place = program.buffer_of("stem.bias").offset
    moved = (replace(each, offset=place) if each.tensor == "mix" else each for each in program.buffers)
    with pytest.raises(UnsupportedError, match=r"node 'mix' \(conv2d\): is planned where it writes over 'stem.bias'"):
        platform.create(CodeGenerator, "tinyengine").generate(
            replace(program, buffers=tuple(moved)), "model", interface_of(step)
        )


def test_the_c_is_free_of_warnings(step, strict_c, tmp_path):
    platform = Platform()
    program = plan_for(step.whole, platform.target("stm32f746"), OPTIONS, platform)
    code = platform.create(CodeGenerator, "tinyengine").generate(program, "model", interface_of(step))
    for name, text in code.files.items():
        (tmp_path / name).write_text(text, encoding="ascii")
    strict_c(tmp_path / "model.c")


@pytest.fixture(scope="module")
def folder(step, tmp_path_factory):
    folder, platform = tmp_path_factory.mktemp("folder"), Platform()
    compile_step(folder, step, platform.target("stm32f746"), OPTIONS, platform)
    return folder


def test_gradients_of_several_samples_are_added_up_on_the_device(network, step, simulation, lessons, folder):
    platform, begun = Platform(), Simulation(step)
    outcomes = simulate(begun, lessons)
    execution = train_on_device(folder, step, lessons, platform)
    assert execution.exact
    assert difference(execution, outcomes, begun) == 0
    assert all(execution.state[name].any() for name in step.sums)  # the last of five samples begins the third step
    assert any(np.any(execution.state[each.parameter.name] != each.initial) for each in step.learnt)
    one = train_on_device(folder, step, lessons.first(1), platform)
    assert all(np.array_equal(one.state[each.parameter.name], each.initial) for each in step.learnt)
    assert difference(one, outcomes[:1], begun) > 0
    two = train_on_device(folder, step, lessons.first(2), platform)
    assert not any(two.state[name].any() for name in step.sums)
    assert two.measurement.instructions > one.measurement.instructions
    alone = build_step(network, SCHEME, platform.create(TrainingOptimizer, "momentum"), head=FloatHead(4))
    arena = plan_for(alone.whole, platform.target("stm32f746"), OPTIONS, platform).arena_bytes
    assert read_manifest(folder).arena_bytes >= arena + sum(4 * each.initial.size for each in step.learnt)


def test_a_folder_begins_from_a_blob(step, simulation, lessons, tmp_path, board, folder):
    platform, blob = Platform(), tmp_path / "board.blob"
    blob.write_bytes(write_blob(board.layout, simulation.variables))
    inputs = {"image": lessons.x[:1], "target": lessons.targets[:1], "rate": lessons.rates[:1]}
    inputs["seed"] = np.zeros(1, np.int32)
    learnt = platform.run(folder, inputs, trained=blob)
    assert learnt.exact
    assert np.array_equal(learnt.outputs["logits"], simulation.predict(lessons.x[0]))
    assert not np.array_equal(platform.run(folder, inputs).outputs["logits"], learnt.outputs["logits"])
    blob.write_bytes(blob.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"board.blob: has \d+ bytes"):
        platform.run(folder, inputs, trained=blob)
    with pytest.raises(InputError, match="does not exist"):
        platform.run(folder, inputs, trained=tmp_path / "none.blob")


def test_an_ordinary_network_keeps_nothing(compiled, tmp_path):
    with pytest.raises(InputError, match="keeps no trained tensors"):
        Platform().run(compiled, trained=tmp_path / "board.blob")


@pytest.fixture
def strict_c(host_compiler):
    """Compiles a source with every warning on and an error."""
    flags = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Wcast-align", "-Wmissing-prototypes")

    def compiled(path):
        command = [host_compiler, "-std=c99", "-Werror", *flags, "-fsyntax-only", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[:2000]

    return compiled
