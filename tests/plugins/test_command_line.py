"""The command line: exit codes, one-sentence errors, clean output, and commands of other distributions."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from tinyml_core.cli import main, tinyml
from tinyml_core.cli.output import Table, plain, write_parts
from tinyml_core.kinds import KINDS

COMMAND = """
import click

@click.command()
@click.argument("what", default="nothing")
def command(what):
    "Do it."
    if what == "sleep":
        import time
        click.echo("asleep")
        time.sleep(60)
    click.echo("done " + what)
"""

LOUD = r"""
print("\x1b[31mimported\x1b[0m")

from dataclasses import dataclass

@dataclass(frozen=True)
class Loud:
    colour: str = "\x1b[31mred"
    "Paints [bold]red[/bold]\x1b[2J."

@hookimpl
def tinyml_search_strategies():
    return [Component("loud", Loud, "rings the \x07 and \u202e turns \x9b around")]
"""


@pytest.fixture(scope="module")
def commands(make_site, install_plugin):
    """Distributions with commands, good and bad."""
    site = make_site("commands")
    install_plugin(site, "acme-good", COMMAND, command="good")
    install_plugin(site, "acme-bad", "raise RuntimeError('no board')", command="bad")
    install_plugin(site, "acme-number", "command = 3", command="number")
    install_plugin(site, "acme-rival-one", COMMAND, command="rival")
    install_plugin(site, "acme-rival-two", COMMAND, command="rival")
    install_plugin(site, "acme-usurper", COMMAND, command="show")
    return site


@pytest.fixture(scope="module")
def loud(make_site, install_plugin):
    """A plugin that prints, and whose texts hold terminal control sequences and markup."""
    site = make_site("loud")
    install_plugin(site, "acme-loud", LOUD)
    return site


def test_foreign_commands_are_listed_without_import(commands):
    shown = commands.tinyml("--help")
    assert shown.returncode == 0
    for name, line in (("good", "acme-good"), ("bad", "acme-bad"), ("show", "acme-usurper (hidden by the built-in")):
        assert f"{name} " in shown.stdout
        assert f"from {line}" in shown.stdout
    assert not any(commands.marks.iterdir())


def test_foreign_command_runs_and_cannot_replace_a_built_in(commands):
    done = commands.tinyml("good", "well")
    assert (done.returncode, done.stdout) == (0, "done well\n")
    assert json.loads(commands.tinyml("show", "--json").stdout)["kinds"].keys() == KINDS.keys()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("bad", "command 'bad' of acme-bad 1.0 (acme_bad.hooks:command) cannot be imported: RuntimeError: no board"),
        ("number", "command 'number' of acme-number 1.0 (acme_number.hooks:command) is no click command but int"),
        ("rival", "command 'rival' comes from acme-rival-one and acme-rival-two; uninstall one of them"),
    ],
)
def test_broken_foreign_command_is_one_sentence(commands, name, sentence):
    done = commands.tinyml(name)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"Error: {sentence}\n")


def test_json_stays_one_object_when_a_plugin_prints(loud):
    listed = loud.tinyml("plugins", "list", "--json")
    assert listed.returncode == 0
    assert "acme-loud" in [row["name"] for row in json.loads(listed.stdout)["plugins"]]
    assert "imported" in listed.stderr


def test_json_stays_empty_when_there_is_an_error(loud):
    asked = loud.tinyml("show", "search-strategy", "nothing", "--json")
    assert (asked.returncode, asked.stdout) == (2, "")
    assert "Error: no search-strategy is called 'nothing'" in asked.stderr


def test_control_characters_and_markup_are_shown_not_obeyed(loud):
    shown = loud.tinyml("show", "search-strategy", "loud", "--json")
    assert "\x1b" not in shown.stdout
    assert json.loads(shown.stdout)["summary"] == "rings the \x07 and \u202e turns \x9b around"
    table = loud.tinyml("show", "search-strategy", "loud").stdout.partition("search-strategy loud")[2]
    assert table.startswith(r": rings the \x07 and \u202e turns \x9b around")
    assert r"Paints [bold]red[/bold]" in table
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(table)


def test_error_in_a_name_from_the_user_is_shown_not_obeyed():
    result = subprocess.run(
        [sys.executable, "-m", "tinyml_core", "plugins", "show", "\x1b]0;x\x07"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "\x1b" not in result.stderr
    assert r"\x1b]0;x" in result.stderr


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb", "\x7f", "\x9b", "\u2028", "\u202e", "\ud800", "\u200b"])
def test_plain_text_has_nothing_a_terminal_obeys(text):
    assert plain(text).isprintable()
    assert plain("grün 3×3 [x]") == "grün 3×3 [x]"


def test_table_in_a_narrow_encoding(tmp_path):
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        write_parts([Table(("name",), [("3×3",)], title="é"), "ü"], stream)
    assert (tmp_path / "out").read_text(encoding="ascii").split() == [r"\xe9", "name", r"3\xd73", r"\xfc"]


def test_verbose_twice_adds_the_traceback(bare):
    quiet, loud = (bare.tinyml("show", "nonsense", *flags) for flags in ((), ("-vv",)))
    assert (quiet.returncode, loud.returncode) == (2, 2)
    assert "Error: no kind is called 'nonsense'" in quiet.stderr
    assert "Traceback" not in quiet.stderr
    assert "Traceback (most recent call last)" in loud.stderr


def test_interrupt_is_130(commands):
    code = "from tinyml_core.cli import main; main()"
    environment = {"PYTHONPATH": str(commands.folder), "TINYML_TEST_MARKS": str(commands.marks)}
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code, "good", "sleep"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "asleep\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "Traceback" not in stderr


def test_usage_error_is_2():
    for arguments in (["nonsense"], ["plugins", "list", "--nonsense"], ["plugins", "show"]):
        assert CliRunner().invoke(tinyml, arguments).exit_code == 2


def test_set_is_refused_where_there_is_nothing_to_set():
    result = CliRunner().invoke(tinyml, ["plugins", "list", "--set", "search.options.population=3"])
    assert result.exit_code == 2
    assert "--set changes a value of a project, and this command reads none" in result.output


def test_main_exits_with_the_code(capsys):
    with pytest.raises(SystemExit) as raised:
        main(["show", "nonsense"])
    assert raised.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("Error: no kind is called 'nonsense'")


def test_unknown_no_plugin_is_one_warning(bare):
    done = bare.tinyml("targets", "--json", "--no-plugin", "tinynass")
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "tinynass" in line]
    assert lines == ["Warning: cannot disable plugin 'tinynass': there is none of that name; did you mean 'tinynas'?"]


def test_hooks_are_listed_with_what_they_return(bare):
    hooks = json.loads(bare.tinyml("plugins", "hooks", "--json").stdout)["hooks"]
    assert [row["hook"] for row in hooks] == [*(kind.hook for kind in KINDS.values()), "tinyml_event"]
    assert all(row["summary"] for row in hooks)
    assert "tinynas" in next(row["plugins"] for row in hooks if row["hook"] == "tinyml_search_strategies")


def test_show_a_kind_lists_its_names(bare):
    shown = json.loads(bare.tinyml("show", "search-strategy", "--json").stdout)
    assert [row["name"] for row in shown["components"]] == ["evolution", "nsga2", "ofa", "random"]
    assert all(row["summary"] for row in shown["components"])


def test_show_a_component_tells_its_options(bare):
    shown = json.loads(bare.tinyml("show", "search-strategy", "evolution", "--json").stdout)
    assert (shown["plugin"], shown["distribution"]) == ("tinynas", "tinyml-core")
    population = next(row for row in shown["options"] if row["name"] == "population")
    assert population.keys() == {"name", "type", "default", "doc"}
    assert population["type"] == "int"
    assert population["doc"]


def test_show_a_plugin_imports_its_components(make_site, install_plugin):
    site = make_site("absent")
    source = """
@hookimpl
def tinyml_search_strategies():
    return [Component("absent", "acme_absent.nowhere:Thing", "is not there")]
"""
    install_plugin(site, "acme-absent", source)
    shown = site.tinyml("plugins", "show", "acme-absent", "--json")
    assert shown.returncode == 0
    (plugin,) = json.loads(shown.stdout)["plugins"]
    assert plugin["status"] == "LOADED"
    assert plugin["components"][0]["error"] == "ModuleNotFoundError: No module named 'acme_absent.nowhere'"
    assert "Traceback (most recent call last)" in plugin["tracebacks"][0]
    assert "Traceback (most recent call last)" in site.tinyml("plugins", "show", "acme-absent").stdout
