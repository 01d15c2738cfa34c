"""A project's search with the super-network and with a proxy, through the platform, and what the cache saves."""

from __future__ import annotations

from tinyml_core.config import Project
from tinyml_core.events import StageAdvanced
from tinyml_core.platform import Platform

SPACE = {"stem_widths": [8], "stage_widths": [[8, 12], [16, 24]], "depths": [1, 2], "expansions": [2, 3]}


def project(folder, evaluator, options, **search):
    return Project.model_validate(
        {
            "search": {
                "space": {"name": "tiny", "options": SPACE}, "evaluator": {"name": evaluator, "options": options},
                "evaluations": 3, "limits": {"macs": 1e9}, "cache": str(folder / "cache"), **search,
            }
        }
    )  # fmt: skip


def test_workers_judge_with_the_super_network_that_the_search_has_trained(tmp_path):
    heard = []
    platform = Platform(listen=heard.append)
    options = {"checkpoint": str(tmp_path / "supernet.npz"), "steps": 12, "batch_size": 16, "device": "cpu"}
    found = platform.search(project(tmp_path, "supernet", options, executor="processes", workers=1))
    assert [stage["name"] for stage in found.report["stages"]] == ["data", "prepare", "search"]
    assert len(found.result.trials) == 3
    assert not found.result.failures
    notes = [event.note for event in heard if isinstance(event, StageAdvanced) and event.stage == "prepare"]
    assert len(notes) == 12
    assert notes[-1].startswith("step 12: ")
    kept = (tmp_path / "cache").read_text()
    again = platform.search(project(tmp_path, "supernet", options, executor="serial"))
    assert [trial.accuracy for trial in again.result.trials] == [trial.accuracy for trial in found.result.trials]
    assert (tmp_path / "cache").read_text() == kept


def test_a_proxy_searches_without_training(tmp_path):
    job = project(tmp_path, "zero-cost", {"proxy": "macs"}, executor="serial")
    result = Platform().search(job).result
    assert result.best.costs["macs"] == max(trial.costs["macs"] for trial in result.trials)
