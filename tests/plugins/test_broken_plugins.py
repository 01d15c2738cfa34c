"""A broken plugin never breaks the core, and is named with its cause when it is asked for."""

from __future__ import annotations

import json

import pytest

CLASH, SLOW, NAMESAKE = "acme-same-component-name", "acme-slow-import", "acme-same-plugin-name"
REFUSED = [
    "acme-import-error",
    "acme-wrong-arguments",
    "acme-unknown-hook",
    "acme-raising-hook",
    "acme-wrong-result",
    "acme-other-version",
    NAMESAKE,
    "acme-late-generator",
]

refused = pytest.mark.parametrize("fault", REFUSED, indirect=True)
every_but_namesake = pytest.mark.parametrize(
    "fault", [*(name for name in REFUSED if name != NAMESAKE), CLASH, SLOW], indirect=True
)


def test_help_is_the_same_and_imports_no_plugin(fault, broken, bare):
    with_it, without = broken.tinyml("--help"), bare.tinyml("--help")
    assert (with_it.returncode, with_it.stderr) == (0, "")
    assert with_it.stdout == without.stdout
    assert not broken.imported(fault.package)


def test_list_says_what_became_of_it_and_why(fault, broken):
    listed = broken.tinyml("plugins", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    (row,) = [row for row in json.loads(listed.stdout)["plugins"] if row["distribution"] == fault.distribution]
    assert (row["name"], row["version"], row["status"]) == (fault.name, "1.0", fault.status)
    assert fault.cause in (row["cause"] or "")
    assert broken.imported(fault.package) == (fault.status != "INCOMPATIBLE" and not fault.plugin)


def test_table_shows_the_row(fault, broken):
    listed = broken.tinyml("plugins", "list")
    assert listed.returncode == 0
    (row,) = [
        line for line in listed.stdout.splitlines() if f"{fault.distribution} 1.0 " in line and fault.status in line
    ]
    assert fault.cause in row


@pytest.mark.parametrize("arguments", [("show", "search-strategy", "random"), ("targets", "--json")], ids=" ".join)
def test_run_that_does_not_need_it_goes_on_with_one_warning(fault, broken, bare, arguments):
    with_it, without = broken.tinyml(*arguments), bare.tinyml(*arguments)
    assert with_it.returncode == 0, with_it.stderr
    assert with_it.stdout == without.stdout
    more = [line for line in with_it.stderr.splitlines() if line not in without.stderr.splitlines()]
    if fault.status == "LOADED":
        assert more == []
    else:
        (line,) = more
        assert line.startswith("Warning: ")
        assert f"plugin '{fault.name}' from {fault.distribution} 1.0" in line
        assert fault.cause in line
        assert f"tinyml plugins show {fault.name}" in line


@refused
def test_asked_for_by_name_is_an_error_with_the_cause(fault, broken):
    asked = broken.tinyml("show", "search-strategy", "acme")
    error = asked.stderr.splitlines()[-1]
    assert (asked.returncode, asked.stdout) == (2, "")
    assert error.startswith("Error: no search-strategy is called 'acme'")
    assert f"plugin '{fault.name}' from {fault.distribution} 1.0 is {fault.status}" in error
    assert fault.cause in error
    assert "Traceback" not in asked.stderr


@refused
def test_asked_for_by_plugin_gives_its_own_cause(fault, broken):
    asked = broken.tinyml("show", "search-strategy", f"{fault.name}:acme")
    assert (asked.returncode, asked.stdout) == (2, "")
    error = asked.stderr.splitlines()[-1]
    assert fault.cause in error
    assert error.endswith(f"type `tinyml plugins show {fault.name}`")


@pytest.mark.parametrize("fault", [CLASH], indirect=True)
def test_claimed_twice_names_both_and_what_picks_one(fault, broken):
    asked = broken.tinyml("show", "search-strategy", "evolution")
    assert (asked.returncode, asked.stdout) == (2, "")
    error = asked.stderr.splitlines()[-1]
    assert "plugin 'tinynas' from tinyml-core" in error
    assert f"plugin '{CLASH}' from {CLASH} 1.0" in error
    assert f"tinynas:evolution or {CLASH}:evolution" in error
    assert f"--no-plugin tinynas or --no-plugin {CLASH}" in error


@pytest.mark.parametrize("fault", [CLASH], indirect=True)
@pytest.mark.parametrize(
    ("arguments", "owner"),
    [
        (("tinynas:evolution",), "tinynas"),
        ((f"{CLASH}:evolution",), CLASH),
        (("evolution", "--no-plugin", CLASH), "tinynas"),
        (("evolution", "--no-plugin", "tinynas"), CLASH),
    ],
)
def test_plugin_prefix_and_no_plugin_settle_a_clash(fault, broken, arguments, owner):
    picked = broken.tinyml("show", "search-strategy", *arguments, "--json")
    assert picked.returncode == 0, picked.stderr
    assert json.loads(picked.stdout)["plugin"] == owner


@pytest.mark.parametrize("fault", [SLOW], indirect=True)
def test_slow_plugin_works(fault, broken):
    shown = broken.tinyml("show", "search-strategy", "acme", "--json")
    assert shown.returncode == 0, shown.stderr
    (option,) = json.loads(shown.stdout)["options"]
    assert (option["name"], option["default"]) == ("patience", "3")


@refused
def test_show_prints_the_traceback(fault, broken):
    shown = broken.tinyml("plugins", "show", fault.name)
    assert shown.returncode == 0
    assert fault.cause in shown.stdout
    if fault.cause == "module_that_is_not_there":
        assert "acme_import_error/hooks.py" in shown.stdout


@every_but_namesake
@pytest.mark.parametrize("way", ["option", "environment"])
def test_disabled_plugin_is_not_imported(fault, broken, way):
    broken.imported(fault.package)
    option = ("--no-plugin", fault.name) if way == "option" else ()
    environment = {"TINYML_NO_PLUGINS": f"nobody, {fault.name}"} if way == "environment" else {}
    listed = broken.tinyml("plugins", "list", "--json", *option, **environment)
    (row,) = [row for row in json.loads(listed.stdout)["plugins"] if row["name"] == fault.name]
    assert row["status"] == "DISABLED"
    assert not broken.imported(fault.package)


@pytest.mark.parametrize("way", ["option", "environment"])
def test_strict_stops_at_what_is_broken(fault, broken, way):
    option, environment = (("--strict-plugins",), {}) if way == "option" else ((), {"TINYML_STRICT_PLUGINS": "1"})
    listed = broken.tinyml("plugins", "list", *option, **environment)
    if fault.distribution == SLOW:
        assert listed.returncode == 0, listed.stderr
    else:
        assert listed.returncode == 2
        expected = fault.cause or "from plugin 'tinynas' from tinyml-core"
        assert expected in listed.stderr.splitlines()[-1]
