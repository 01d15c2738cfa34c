"""The executors, asked for by name."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

import tinyml_plugins.executors.hooks
from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.errors import InputError, PluginError
from tinyml_core.platform import Platform
from tinyml_core.search.evaluation import EvaluationPool


@pytest.fixture(scope="module")
def platform():
    return Platform(plugins=[tinyml_plugins.executors.hooks], discover=False)


def where():
    return os.getpid(), threading.get_ident(), os.environ.get("OMP_NUM_THREADS")


def test_the_names_people_can_ask_for(platform):
    assert platform.names(ExecutorFactory) == ["dask", "processes", "serial", "threads"]


@pytest.mark.parametrize("name", ["processes", "serial", "threads"])
def test_results_come_back_in_order_and_exceptions_with_their_type(platform, name):
    with platform.create(ExecutorFactory, name).open(2) as pool:
        assert list(pool.map(abs, range(-5, 0))) == [5, 4, 3, 2, 1]
        with pytest.raises(ValueError, match="invalid literal"):
            pool.submit(int, "x").result()


def test_serial_work_runs_here_and_threads_beside(platform):
    with platform.create(ExecutorFactory, "serial").open(2) as pool:
        assert pool.submit(where).result()[:2] == where()[:2]
    with platform.create(ExecutorFactory, "threads").open(1) as pool:
        process, thread, _ = pool.submit(where).result()
    assert process == os.getpid()
    assert thread != threading.get_ident()


@pytest.mark.parametrize(("chosen", "seen"), [(None, "1"), ("3", "3")])
def test_worker_processes_compute_on_one_thread_unless_told_otherwise(platform, monkeypatch, chosen, seen):
    if chosen is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    with platform.create(ExecutorFactory, "processes").open(1) as pool:
        process, _, threads = pool.submit(where).result()
    assert process != os.getpid()
    assert threads == seen
    assert os.environ.get("OMP_NUM_THREADS") == chosen


PARENT = """
import sys, time
from tinyml_plugins.executors.processes import Processes

def beat(path):
    while True:
        with open(path, "a") as file:
            file.write("x")
        time.sleep(0.01)

if __name__ == "__main__":
    Processes().open(1).submit(beat, sys.argv[1]).result()
"""


def test_worker_processes_end_when_their_parent_is_killed(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    heart = tmp_path / "heart"
    with subprocess.Popen([sys.executable, str(tmp_path / "parent.py"), str(heart)]) as parent:
        while not heart.exists():
            assert parent.poll() is None
            time.sleep(0.01)
        parent.kill()
    deadline, beats = time.monotonic() + 300, -1
    while (now := heart.stat().st_size) != beats:
        assert time.monotonic() < deadline
        beats = now
        time.sleep(0.5)


def test_dask_without_its_package_says_what_to_install(platform, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(PluginError, match=r"executor 'dask': needs the package distributed.*tinyml-core\[dask\]"):
        platform.create(ExecutorFactory, "dask").open(1)


def test_dask_without_a_scheduler_names_the_address(platform):
    pytest.importorskip("distributed", reason="the dask extra is not installed")
    dask = platform.create(ExecutorFactory, "dask", {"address": "tcp://127.0.0.1:9", "timeout": 0.5})
    with pytest.raises(InputError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler answers"):
        dask.open(1)


def die_once(folder, number):
    if number == 2 and not Path(folder, "died").exists():
        Path(folder, "died").touch()
        os._exit(1)
    return number / 10


def test_dask_finishes_what_a_dead_worker_left(platform, tmp_path):
    pytest.importorskip("distributed", reason="the dask extra is not installed")
    found = {}
    with EvaluationPool(platform.create(ExecutorFactory, "dask"), 2) as pool:
        for number in range(5):
            pool.submit(number, partial(die_once, tmp_path, number))
        while len(found) < 5:
            found |= {outcome.number: outcome.accuracy for outcome in pool.finished(block=True)}
    assert found == {number: number / 10 for number in range(5)}
    assert (tmp_path / "died").exists()
