"""The adapters to Optuna and pymoo: a project searches with each, by name."""

from __future__ import annotations

import json

import pytest

ADAPTERS = ("optuna", "pymoo")
SEARCH = """
import json, sys
from pathlib import Path
from tinyml_core import Platform
from tinyml_core.config import read_project
platform = Platform()
for name in sys.argv[2:]:
    project = read_project(Path(sys.argv[1]), [("search.strategy", name)])
    print(json.dumps(platform.search(project).report))
"""


@pytest.mark.slow
def test_a_project_searches_with_each(distribution, tmp_path):
    for module in (*ADAPTERS, "torch", "sklearn"):
        pytest.importorskip(module)
    project = tmp_path / "project.yaml"
    project.write_text(
        "search:\n  evaluator: {name: training, options: {steps: 2}}\n"
        "  executor: serial\n  workers: 1\n  evaluations: 4\n  objectives: [cycles, sram_bytes]\n"
        "  limits: {sram_bytes: 64000}\n"
    )
    first, second = map(distribution, ADAPTERS)
    run = first.python("-c", SEARCH, str(project), *ADAPTERS, beside=[second])
    assert run.returncode == 0, run.stderr
    for name, line in zip(ADAPTERS, run.stdout.splitlines(), strict=True):
        found = json.loads(line)
        assert (found["strategy"], found["evaluated"], found["objectives"]) == (name, 4, ["cycles", "sram_bytes"])
        assert found["front"]
