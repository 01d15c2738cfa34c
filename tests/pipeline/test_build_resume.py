"""A build that is killed while it searches continues from its journals, and ends as one that was not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from tinyml_core import Platform
from tinyml_core.config import Project, Reference
from tinyml_core.errors import UnsupportedError
from tinyml_core.pipeline.search_journal import BuildJournals, digest, search_fingerprint
from tinyml_core.search.evaluation import EvaluationPool

SETTINGS = {
    "search": {
        "evaluations": 5,
        "evaluator": {"name": "training", "options": {"steps": 5}},
        "executor": "serial",
        "workers": 1,
    },
    "training": {"name": "training", "options": {"steps": 40}},
    "quantizer": {"name": "qat", "options": {"steps": 5}},
    "reporters": [],
    "seed": 4,
}
PROJECT = Project.model_validate(SETTINGS)


def hidden(folder):
    return sorted(path for path in folder.iterdir() if path.name.startswith(".out.") and path.suffix == ".jsonl")


def finished(folder):
    """Journal and key of every evaluation paid for; the two searches may meet the same candidate."""
    return [(path.name, json.loads(line)["key"]) for path in hidden(folder)
            for line in path.read_text().rpartition("\n")[0].splitlines() if '"finished"' in line]  # fmt: skip


def killed_build(folder, after):
    """Start the build in a process of its own, and kill it once ``after`` evaluations are in its journals."""
    (folder / "project.json").write_text(json.dumps(SETTINGS))
    command = [sys.executable, "-m", "tinyml_core", "build", "project.json", "-o", "out"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 900
        while len(finished(folder)) < after:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)


@pytest.fixture
def evaluated(monkeypatch):
    """What is given to the pool to evaluate."""
    submitted, submit = [], EvaluationPool.submit

    def note(self, number, work):
        submitted.append(number)
        submit(self, number, work)

    monkeypatch.setattr(EvaluationPool, "submit", note)
    return submitted


def test_a_killed_build_continues_its_searches_and_ends_alike(tmp_path, evaluated):
    killed_build(tmp_path, after=7)  # the search, and a part of the baseline
    paid = finished(tmp_path)
    assert len(paid) == len(set(paid)) >= 7
    assert not (tmp_path / "out").exists()
    resumed = Platform().build(PROJECT, tmp_path / "out")
    assert len(evaluated) == 10 - len(paid)
    assert hidden(tmp_path) == [], "a finished build leaves no journal"
    for part, strategy in (("search", "evolution"), ("baseline", "random")):
        chosen = PROJECT.search.model_copy(update={"strategy": Reference(name=strategy)})
        calm = Platform().search(PROJECT.model_copy(update={"search": chosen})).report
        assert resumed.report[part] == {key: calm[key] for key in resumed.report[part]}


@pytest.fixture(scope="module")
def platform():
    return Platform()


def test_a_journal_belongs_to_its_project_its_samples_and_the_versions(platform, tmp_path):
    def name(project=PROJECT, samples="1"):
        search = search_fingerprint(project, project.search.strategy, samples)
        with BuildJournals(tmp_path / "out", platform).keep("search", search) as path:
            return path.name

    assert name() == name()
    assert name(PROJECT.model_copy(update={"seed": 5})) != name()
    assert name(samples="2") != name()
    assert name(PROJECT.model_copy(update={"name": "other"})) == name()
    few, many = (BuildJournals(tmp_path / "out", one) for one in (Platform(discover=False), platform))
    with few.keep("search", "x") as bare, many.keep("search", "x") as full:
        assert bare != full


def test_samples_are_told_apart(platform):
    from tinyml_core.api.dataset import DatasetSource

    data = platform.create(DatasetSource, "digits").load(0)
    again = platform.create(DatasetSource, "digits").load(0)
    assert digest(data) == digest(again)
    again.train.x[0, 0, 0, 0] += 1
    assert digest(data) != digest(again)


def test_a_search_in_which_everything_failed_is_forgotten(platform, tmp_path):
    journals = BuildJournals(tmp_path / "out", platform)
    with pytest.raises(UnsupportedError), journals.keep("search", "x") as path:
        path.write_text("told failures")
        raise UnsupportedError("each of the first evaluations failed", place="search", remedy="remove the cause")
    assert hidden(tmp_path) == []


def test_only_its_own_journals_are_removed(platform, tmp_path):
    journals = BuildJournals(tmp_path / "out", platform)
    with journals.keep("search", "x") as path:
        path.write_text("")
    for name in (".out.search.jsonl", ".outer.search-0123456789abcdef.jsonl", "out.jsonl"):
        (tmp_path / name).write_text("")
    journals.remove()
    assert len(list(tmp_path.iterdir())) == 3
    assert not path.exists()
