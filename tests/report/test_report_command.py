"""``tinyml report`` from a folder and from a model file, with what folders keep for it."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.cli import tinyml
from tinyml_core.errors import InputError
from tinyml_core.graph.serialise import load, save
from tinyml_core.pipeline.build_description import ReportOptions, describe_folder
from tinyml_core.pipeline.build_report import read_build_report
from tinyml_core.pipeline.quantisation_error import quantisation_errors, read_quantisation_errors
from tinyml_core.platform import Platform

NO_RUN = ReportOptions(run=False)


def invoke(*arguments):
    return CliRunner().invoke(tinyml, ["report", *map(str, arguments)])


@pytest.fixture(scope="module")
def told(compiled, tmp_path_factory):
    """What is told of the folder next to a plan of its model, and the page."""
    folder = tmp_path_factory.mktemp("told")
    done = invoke(compiled, compiled / "model.tinyml", "--target", "nrf52832", "-o", folder, "--sram", "4000", "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), (folder / "report.html").read_text(encoding="utf-8")


def test_a_folder_is_executed_and_a_model_is_planned(told):
    (build, plan), page = told[0]["builds"], told[1]
    assert (build["kind"], build["exact"], plan["kind"], plan["exact"]) == ("compile", True, "plan", None)
    assert build["instructions"] > 0
    assert plan["instructions"] is None
    assert sum(layer["constant_bytes"] for layer in build["layers"]) > 0
    assert [node["name"] for node in build["nodes"]] == [layer["name"] for layer in build["layers"]]
    assert [each["target"] for each in (build, plan)] == ["stm32f746", "nrf52832"]
    assert "2 builds side by side" in page


def test_a_build_is_held_against_the_budget_asked_for(told):
    for build in told[0]["builds"]:
        assert build["fit"]["budget"]["sram"] == 4000
        assert build["fit"]["fits"] == (build["fit"]["sram"] <= 4000)
    assert told[0]["builds"][0]["fit"]["sram"] == told[0]["builds"][0]["sram_bytes"]["total"]


def test_every_layer_has_its_error_against_float(told, floats, compiled, samples):
    build = told[0]["builds"][0]
    errors = {layer["name"]: layer["error"] for layer in build["layers"]}
    assert build["error_samples"] == 16
    assert all(10 < error["sqnr_db"] < 60 and 0.9 < error["cosine"] <= 1 for error in errors.values()), errors
    integers = load(compiled / "model.tinyml")
    signal = noise = 0.0
    for index in np.linspace(0, len(samples) - 1, 16).astype(int):
        sample = samples[index][np.newaxis]
        wanted = execute(floats, {"image": sample})["scores"].astype(float)
        got = execute(integers, {"image": quantise_array(sample, integers.tensors["image"])})["scores"]
        signal += float((wanted**2).sum())
        noise += float(((wanted - dequantise_array(got, integers.tensors["scores"])) ** 2).sum())
    assert errors["scores"]["sqnr_db"] == pytest.approx(10 * np.log10(signal / noise))


def test_a_network_that_is_the_same_has_no_error(floats, samples):
    same = quantisation_errors(floats, floats, {"image": samples})
    assert same.tensors == {}  # nothing is quantised


def test_the_page_lies_in_the_folder_by_default(compiled, tmp_path):
    shutil.copytree(compiled, tmp_path / "out")
    done = invoke(tmp_path / "out", "--no-run")
    assert done.exit_code == 0, done.output
    assert "fits; SRAM" in done.output
    assert (tmp_path / "out" / "report.html").is_file()
    build = describe_folder(tmp_path / "out", Platform(), NO_RUN)
    assert (build["instructions"], build["instructions_basis"], build["milliseconds"]) == (None, "not run", None)
    assert build["cycles"]["core"] > 0


def test_a_float_model_that_does_not_fit_is_told_what_would_help(floats, tmp_path):
    save(floats, tmp_path / "floats.tinyml")
    arguments = (tmp_path / "floats.tinyml", "--sram", 8000, "-o", tmp_path)
    assert "--target" in str(invoke(*arguments).exception)
    done = invoke(*arguments, "--target", "nrf52832")
    assert done.exit_code == 0, done.output
    assert "DOES NOT FIT" in done.output
    assert "--calibration X.npz" in done.output


def test_files_that_were_mixed_are_refused(compiled, tmp_path):
    shutil.copytree(compiled, tmp_path / "out")
    save(load(compiled / "model.tinyml"), tmp_path / "out" / "model.tinyml")
    document = {
        "samples": 1, "exact": True, "differing_bytes": 0, "instructions": 1, "instructions_basis": "measured",
        "cycles": {"core": 1, "low": 1, "high": 1, "model": "m"}, "milliseconds": {"low": 1, "high": 1, "board": "b"},
        "sram_bytes": {"arena": 1, "static": 1, "stack": 1, "total": 3}, "layers": [],
        "flash_bytes": {"weights": 1, "code": 1, "total": 2},
    }  # fmt: skip
    (tmp_path / "out" / "report.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="do not belong together"):
        describe_folder(tmp_path / "out", Platform(), NO_RUN)


def test_without_the_generator_there_is_a_verdict_and_the_reason_why_no_more(compiled):
    build = describe_folder(compiled, Platform(disable=["tinyengine"]), ReportOptions(run=False, sram=2000))
    assert not build["fit"]["fits"]
    assert "tinyengine" in build["fit"]["problem"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"samples": NaN}', '{"samples": 1e999, "layers": 7}', "\xff" * 9])
def test_a_damaged_report_is_one_sentence(text, tmp_path):
    (tmp_path / "report.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"report\.json") as refused:
        read_build_report(tmp_path)
    assert "\n" not in str(refused.value)
    (tmp_path / "quantisation.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"quantisation\.json"):
        read_quantisation_errors(tmp_path)
