"""The project file: defaults, overrides, and every mistake told at once."""

import json

import pytest

from tinyml_core.config import Project, read_project
from tinyml_core.errors import InputError


def test_an_empty_file_is_the_demonstration(tmp_path):
    path = tmp_path / "project.yaml"
    path.write_text("")
    assert read_project(path) == read_project(None) == Project()


def test_a_bare_name_is_a_choice_without_options(tmp_path):
    path = tmp_path / "project.yaml"
    path.write_text(
        "search: {strategy: random, cost_models: [analytic]}\ndataset: {name: npz, options: {path: a.npz}}\n"
    )
    project = read_project(path)
    assert project.search.strategy.name == "random"
    assert project.dataset.options == {"path": "a.npz"}


def test_an_override_reaches_one_option_and_keeps_the_rest():
    project = read_project(None, [("search.limits.macs", "500"), ("search.strategy.options.population", "8")])
    assert project.search.limits == {**Project().search.limits, "macs": 500}
    assert project.search.strategy.name == Project().search.strategy.name
    assert project.search.strategy.options["population"] == 8


def test_an_override_of_a_name_given_in_the_file(tmp_path):
    path = tmp_path / "project.yaml"
    path.write_text("search: {strategy: random}\n")
    project = read_project(path, [("search.strategy.options.seed", "3")])
    assert (project.search.strategy.name, project.search.strategy.options) == ("random", {"seed": 3})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("sed: 4", ["sed", "unknown key", "seed"]),
        ("search: {evaluatins: 3, workers: true}", ["search.evaluatins", "evaluations", "search.workers", "integer"]),
        ("target: 3", ["target", "string"]),
        ("compile: {objective: fast}", ["compile.objective", "latency"]),
        ("dataset: {nme: x}", ["dataset", "unknown key"]),
        ("seed: -1", ["seed"]),
        ("- a\n- b", ["holds no settings"]),
        ("compile: {prefix: 'a b'}", ["compile.prefix"]),
        ("search: {limits: {macs: lots}}", ["search.limits.macs"]),
    ],
)
def test_mistakes_name_file_key_and_remedy(tmp_path, text, parts):
    path = tmp_path / "project.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_project(path)
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(path), *parts):
        assert part in message


def test_an_override_below_a_value_is_refused(tmp_path):
    path = tmp_path / "project.yaml"
    path.write_text("search: 3\n")
    with pytest.raises(InputError, match="'search' is no section"):
        read_project(path, [("search.workers", "3")])


def test_the_schema_knows_every_key():
    schema = json.dumps(Project.model_json_schema())
    for key in ("target", "evaluations", "limits", "quantizer", "objective", "disable"):
        assert f'"{key}"' in schema
