"""The whole job, made small: reproducible from its seed, complete, and honest."""

import json

import pytest

from tinyml_core import Platform
from tinyml_core.config import Project
from tinyml_core.events import StageFinished
from tinyml_core.pipeline.quantisation_error import read_quantisation_errors

SMALL = Project.model_validate(
    {
        "search": {"evaluations": 4, "evaluator": {"name": "training", "options": {"steps": 5}}, "workers": 2},
        "training": {"name": "training", "options": {"steps": 60}},
        "quantizer": {"name": "qat", "options": {"steps": 5}},
        "seed": 3,
    }
)


def without_times(report):
    return {key: value for key, value in report.items() if key not in ("stages", "out")}


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    finished = []
    made = []
    for workers in (2, 1):
        out = tmp_path_factory.mktemp("build") / "out"
        listen = lambda event: finished.append(event) if isinstance(event, StageFinished) else None  # noqa: E731
        search = SMALL.search.model_copy(update={"workers": workers})
        project = SMALL.model_copy(update={"search": search})
        made.append(Platform(listen=listen).build(project, out))
    return made, finished


def test_the_same_seed_gives_the_same_report_whatever_the_workers(builds):
    first, second = (without_times(built.report) for built in builds[0])
    assert first == second


def test_the_report_holds_the_keys_tools_rely_on(builds):
    report = builds[0][0].report
    json.dumps(report, allow_nan=False)
    assert set(report["accuracy"]) == {"float", "int8", "emulated"}
    assert report["exact"] is True
    assert report["accuracy"]["emulated"] == report["accuracy"]["int8"]
    assert report["samples"] == report["dataset"]["test"] >= 350
    names = ["data", "search", "baseline", "train", "quantise", "compile", "verify"]
    assert [stage["name"] for stage in report["stages"]] == names
    assert report["search"]["evaluated"] == report["baseline"]["evaluated"] == 4
    for key in ("instructions", "cycles", "milliseconds", "macs", "sram_bytes", "flash_bytes", "layers"):
        assert key in report


def test_costs_of_the_search_are_the_plan_of_the_compiler(builds):
    report = builds[0][0].report
    costs = report["search"]["best"]["costs"]
    assert costs["arena_bytes"] == report["sram_bytes"]["arena"]
    assert costs["macs"] == report["macs"]


def test_the_folder_holds_everything(builds):
    built = builds[0][0]
    names = {path.name for path in built.folder.iterdir()}
    assert {"model.c", "model.h", "Makefile", "model.elf", "model.tinyml", "report.html", "report.json"} <= names
    assert json.loads((built.folder / "report.json").read_text()) == json.loads(json.dumps(built.report))
    assert Platform().run(built.folder).exact


def test_stages_are_told_as_they_end(builds):
    assert [event.stage for event in builds[1]][:7] == [stage["name"] for stage in builds[0][0].report["stages"]]


def test_the_html_report_loads_nothing(builds):
    page = (builds[0][0].folder / "report.html").read_text()
    assert page.count("<script") == 1  # its own
    assert "http" not in page.replace("http-equiv", "")
    assert "Bit-exact" in page


def test_curves_and_quantisation_errors_are_kept_for_the_report(builds):
    built = builds[0][0]
    (curve,) = built.report["curves"]
    assert [point["step"] for point in curve["points"]] == list(range(1, 61))
    assert curve["points"][-1]["loss"] < curve["points"][0]["loss"]
    errors = read_quantisation_errors(built.folder)
    assert len(errors.tensors) == len(built.report["layers"])
