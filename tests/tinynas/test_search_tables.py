"""The exhaustive tables of the benchmark: complete, readable, and with the costs of the networks they tell of."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyml_core.platform import Platform
from tinyml_core.search.candidate import Candidate

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAMES = sorted(path.stem for path in (BENCHMARKS / "search_tables").glob("*.npz"))


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tabular():
    sys.path.insert(0, str(BENCHMARKS))
    yield loaded(BENCHMARKS / "search_tabular.py")
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(params=NAMES)
def table(request, tabular):
    return tabular.Table.read(request.param)


def test_both_tables_are_there():
    assert NAMES == ["cifar16", "digits"]


def test_every_network_has_its_place(table, tabular):
    assert table.size == table.accuracy.size == 5832
    options = [row for _ in tabular.STAGES for row in tabular.GENES.values()]
    names = [f"{gene}{stage}" for stage in tabular.STAGES for gene in tabular.GENES]
    places = {
        table.index(Candidate.of(dict(zip(names, choices, strict=True)))) for choices in itertools.product(*options)
    }
    assert len(places) == 5832
    assert 0 <= table.accuracy.min() < table.accuracy.max() <= 1


def test_limits_leave_a_third_and_no_strategy_breaks_them(table, tabular):
    assert 0.2 < len(table.feasible) / table.size < 0.5
    met = table.run(Platform(), "evolution", {"population": 10}, seed=0)
    assert len(met) == tabular.EVALUATIONS
    assert set(met.astype(np.float32)) <= set(table.feasible)


def test_costs_are_those_of_the_super_network(table):
    torch = pytest.importorskip("torch")
    recipe = loaded(BENCHMARKS / "search_tables" / "recipe.py")
    job = recipe.JOBS[table.about["table"]]
    for name, values in recipe.costs(job).items():
        assert np.array_equal(values, table.costs[name])
    network = recipe.SuperNetwork(job)
    folded = sum(part.weight.numel() + part.shift.numel() for part in network.modules()
                 if isinstance(part, recipe.Normalised))  # fmt: skip
    head = sum(parameter.numel() for parameter in network.head.parameters())
    assert table.costs["parameters"].max() == table.costs["parameters"][-1, -1, -1] == folded + head
    macs = []
    hooks = [part.register_forward_hook(lambda part, args, out: macs.append(work(part, args, out)))
             for part in network.modules() if isinstance(part, recipe.Normalised)]  # fmt: skip
    with torch.no_grad():
        network(torch.zeros(1, job.channels, job.side, job.side), (recipe.STAGE[-1],) * 3)
    assert len(hooks) == len(macs)
    assert table.costs["macs"][-1, -1, -1] == sum(macs) + network.head.weight.numel()


def work(part, args, out):
    """Multiply-accumulates of one convolution of the largest network."""
    return out.shape[2] * out.shape[3] * part.weight[: out.shape[1]].numel()
