"""The cache of evaluations: kept across searches and processes, and never trusted further than it can be read."""

from __future__ import annotations

import logging
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_core.api.dataset import Dataset, Split
from tinyml_core.api.evaluator import Evaluation
from tinyml_core.component import Component
from tinyml_core.errors import InputError
from tinyml_core.hookspecs import hookimpl
from tinyml_core.platform import Platform
from tinyml_core.search.cache import EvaluationCache
from tinyml_core.search.task import EvaluationSetup, EvaluationTask
from tinyml_plugins.tinynas.space import TinySpace

KEYS = [f"{number:016x}" for number in range(20)]


def test_what_was_added_is_found_to_the_last_bit_by_everybody(tmp_path):
    first, second = (EvaluationCache(tmp_path / "cache") for _ in range(2))
    assert second.get(KEYS[0]) is None
    first.add(KEYS[0], 0.1 + 0.2)
    assert first.get(KEYS[0]) == second.get(KEYS[0]) == 0.1 + 0.2
    second.add(KEYS[1], 1 / 3)
    assert first.get(KEYS[1]) == 1 / 3
    assert first.get(KEYS[2]) is None


def filled(path):
    cache = EvaluationCache(path)
    for number, key in enumerate(KEYS):
        cache.add(key, number / 20)
    return path.read_bytes()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_loses_entries_but_never_changes_them(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cache") / "cache"
    content = bytearray(filled(path))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    cache = EvaluationCache(path)
    for number, key in enumerate(KEYS):
        assert cache.get(key) in (None, number / 20)
    cache.add(KEYS[0], 0.0)
    assert EvaluationCache(path).get(KEYS[0]) == 0.0


def test_damage_is_told(tmp_path, caplog):
    content = filled(tmp_path / "cache")
    (tmp_path / "cache").write_bytes(b"nonsense\n" + content.replace(b'"accuracy":0.5,', b'"accuracy":0.9,'))
    with caplog.at_level(logging.WARNING):
        assert EvaluationCache(tmp_path / "cache").get(KEYS[10]) is None
    assert "2 lines cannot be read" in caplog.text


def test_a_file_that_was_cut_is_read_anew(tmp_path):
    filled(tmp_path / "cache")
    cache = EvaluationCache(tmp_path / "cache")
    assert cache.get(KEYS[0]) == 0.0
    (tmp_path / "cache").unlink()
    EvaluationCache(tmp_path / "cache").add("f" * 16, 0.25)
    assert cache.get("f" * 16) == 0.25


def add_many(path, first):
    cache = EvaluationCache(path)
    for number in range(first, first + 200):
        cache.add(f"{number:016x}", number / 1000)


def test_processes_that_append_together_lose_nothing(tmp_path):
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(partial(add_many, tmp_path / "cache"), (0, 200, 400, 600)))
    cache = EvaluationCache(tmp_path / "cache")
    assert [cache.get(f"{number:016x}") for number in range(800)] == [number / 1000 for number in range(800)]


def test_a_file_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        EvaluationCache(tmp_path).get(KEYS[0])
    with pytest.raises(InputError, match="cannot be written"):
        EvaluationCache(tmp_path / "absent" / "cache").add(KEYS[0], 0.5)


@dataclass(frozen=True, kw_only=True)
class Blank:
    """Four blank images."""

    def load(self, seed):
        split = Split(np.zeros((4, 8, 8, 1), np.float32), np.zeros(4, np.int64))
        return Dataset("blank", ("a", "b"), split, split, split)


@dataclass(frozen=True, kw_only=True)
class Counting:
    """Gives the share ``base``, and notes in ``log`` that it was asked; was prepared as the file ``prepared`` says."""

    log: str
    base: float = 0.5

    def prepare(self, space, data, seed, hear):
        raise NotImplementedError

    def identity(self):
        return Path(self.log).with_suffix(".prepared").read_text()

    def evaluate(self, graph, data, seed):
        with Path(self.log).open("a") as file:
            file.write("asked\n")
        return Evaluation(self.base)


class Plugin:
    @hookimpl
    def tinyml_datasets(self):
        return [Component("blank", Blank, "blank images")]

    @hookimpl
    def tinyml_evaluators(self):
        return [Component("counting", Counting, "counts")]


def test_a_task_pays_once_for_each_network_evaluator_dataset_and_seed(tmp_path):
    log = tmp_path / "log"
    log.with_suffix(".prepared").write_text("first")
    setup = EvaluationSetup(
        platform=partial(Platform.from_settings, Platform(plugins=[Plugin()], discover=False).settings),
        evaluator="counting", evaluator_options={"log": str(log)}, dataset="blank", dataset_seed=0,
        cache=str(tmp_path / "cache"),
    )  # fmt: skip
    space, rng = TinySpace(), np.random.default_rng(0)
    one, other = (space.build(space.sample(rng), (8, 8, 1), 2) for _ in range(2))

    def asked(task):
        before = log.read_text().count("asked") if log.exists() else 0
        assert task() == dict(task.setup.evaluator_options).get("base", 0.5)
        return log.read_text().count("asked") - before

    task = EvaluationTask(setup=setup, graph=one, seed=1)
    assert [asked(task), asked(task)] == [1, 0]
    again = EvaluationSetup(**{name: getattr(setup, name) for name in setup.__dataclass_fields__ if name != "token"})
    assert asked(replace(task, setup=again)) == 0
    assert asked(replace(task, graph=other)) == 1
    assert asked(replace(task, seed=2)) == 1
    changed = {"token": "a", "evaluator_options": {"log": str(log), "base": 0.25}}
    assert asked(replace(task, setup=replace(setup, **changed))) == 1
    assert asked(replace(task, setup=replace(setup, token="b", dataset_seed=1))) == 1
    assert asked(replace(task, setup=replace(setup, token="c", cache=""))) == 1
    log.with_suffix(".prepared").write_text("second")
    assert [asked(task), asked(task)] == [1, 0]
