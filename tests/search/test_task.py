"""The evaluation task in a real worker process, with an evaluator and a dataset that come from a plugin."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tinyml_core.api.dataset import Dataset, Split
from tinyml_core.api.evaluator import Evaluation
from tinyml_core.component import Component
from tinyml_core.errors import PluginError
from tinyml_core.hookspecs import hookimpl
from tinyml_core.platform import Platform
from tinyml_core.search.evaluation import EvaluationPool
from tinyml_core.search.task import EvaluationSetup, EvaluationTask
from tinyml_plugins.executors.processes import Processes
from tinyml_plugins.tinynas.space import TinySpace


@dataclass(frozen=True, kw_only=True)
class Stripes:
    """Images that are bright in one half; every load is noted in ``log``."""

    log: str

    def load(self, seed):
        with Path(self.log).open("a") as file:
            file.write(f"{os.getpid()}\n")
        rng = np.random.default_rng(seed)
        y = rng.integers(2, size=32)
        x = np.zeros((32, 8, 8, 1), np.float32)
        x[y == 1, :4] = 1
        split = Split(x, y)
        return Dataset("stripes", ("dark", "bright"), split, split, split)


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Calls an image bright when its mean is above ``threshold``, whatever the network."""

    threshold: float = 0.25

    def evaluate(self, graph, data, seed):
        called = data.validation.x.mean((1, 2, 3)) > self.threshold
        return Evaluation(float((called == data.validation.y).mean()) * seed / 10, graph)


class Plugin:
    @hookimpl
    def tinyml_datasets(self):
        return [Component("stripes", Stripes, "two halves")]

    @hookimpl
    def tinyml_evaluators(self):
        return [Component("threshold", Threshold, "mean above a threshold")]


@pytest.fixture
def setup(tmp_path):
    settings = Platform(plugins=[Plugin()], discover=False).settings
    return EvaluationSetup(
        platform=partial(Platform.from_settings, settings),
        evaluator="threshold",
        evaluator_options={"threshold": 0.1},
        dataset="stripes",
        dataset_options={"log": str(tmp_path / "log")},
        dataset_seed=4,
    )


@pytest.fixture
def graph():
    space = TinySpace()
    return space.build(space.sample(np.random.default_rng(0)), (8, 8, 1), 2)


def test_workers_prepare_once_and_send_back_a_number(setup, graph, tmp_path):
    outcomes = []
    with EvaluationPool(Processes(), 1) as pool:
        for number in range(4):
            pool.submit(number, EvaluationTask(setup=setup, graph=graph, seed=number))
        while len(outcomes) < 4:
            outcomes += pool.finished(block=True)
    assert sorted((o.number, o.accuracy) for o in outcomes) == [(n, pytest.approx(n / 10)) for n in range(4)]
    loads = (tmp_path / "log").read_text().split()
    assert len(loads) == 1
    assert int(loads[0]) != os.getpid()


def test_a_task_survives_pickling_with_its_graph(setup, graph):
    task = pickle.loads(pickle.dumps(EvaluationTask(setup=setup, graph=graph, seed=10)))
    evaluation = task.evaluate()
    assert task() == evaluation.accuracy == 1.0
    assert evaluation.graph.macs == graph.macs


def test_another_search_does_not_inherit_the_data_of_the_last(setup, graph, tmp_path):
    fields = {name: getattr(setup, name) for name in setup.__dataclass_fields__ if name != "token"}
    for each in (setup, setup, EvaluationSetup(**fields)):
        EvaluationTask(setup=each, graph=graph, seed=1)()
    assert len((tmp_path / "log").read_text().split()) == 2


def test_an_evaluator_nobody_has_ends_the_search(setup, graph):
    fields = {name: getattr(setup, name) for name in setup.__dataclass_fields__} | {"evaluator": "oracle", "token": "x"}
    with EvaluationPool(Processes(), 1) as pool:
        pool.submit(0, EvaluationTask(setup=EvaluationSetup(**fields), graph=graph, seed=0))
        with pytest.raises(PluginError, match="'oracle'"):
            list(pool.finished(block=True))
