"""The command line: a table of commands, each imported when it runs.

``tinyml --help`` imports click, importlib_metadata and the standard library and nothing else. Commands of other
distributions come from the entry-point group ``tinyml_core.commands``; they are listed without being imported.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from tinyml_core import __version__
from tinyml_core.discovery import Entry, discover
from tinyml_core.errors import PluginError, TinyMLError

COMMAND_GROUP = "tinyml_core.commands"

COMMANDS: dict[str, tuple[str, str]] = {
    "build": ("tinyml_core.cli.build", "From a project file to a proved network on a microcontroller."),
    "compile": ("tinyml_core.cli.compile", "Turn a trained network into C for a microcontroller."),
    "tune": ("tinyml_core.cli.tune", "Measure the kernels that each layer of a network could use."),
    "run": ("tinyml_core.cli.run", "Execute a compiled network on the emulated core and compare."),
    "adapt": ("tinyml_core.cli.adapt", "Let a network learn on the microcontroller, and prove a step of it."),
    "package": ("tinyml_core.cli.package", "Put a compiled network into a project for Arduino, Zephyr and others."),
    "diff": ("tinyml_core.cli.diff", "Compare what two builds of a network need."),
    "report": ("tinyml_core.cli.report", "Write a page about builds: memory, costs, errors, whether it fits."),
    "space": ("tinyml_core.cli.space", "Choose the size of the networks to search from what fits."),
    "search": ("tinyml_core.cli.search", "Search for the best network within a microcontroller's limits."),
    "inspect": ("tinyml_core.cli.inspect", "Show the layers of a network, what they cost and what is refused."),
    "memory": ("tinyml_core.cli.memory", "Draw where every buffer of a network lies in the arena, and when."),
    "passes": ("tinyml_core.cli.passes", "List the passes in the order they run, and what each changes."),
    "calibrate-costs": ("tinyml_core.cli.calibrate_costs", "Measure on the emulator what layers cost, for searches."),
    "targets": ("tinyml_core.cli.targets", "List the microcontrollers that are known."),
    "show": ("tinyml_core.cli.show", "Show a component and its options."),
    "schema": ("tinyml_core.cli.schema", "Print the JSON Schema of a project file."),
    "doctor": ("tinyml_core.cli.doctor", "Check compilers, emulators, caches, plugins and packages."),
    "plugins": ("tinyml_core.cli.plugins_author", "List, start and check plugins, and say why one does not load."),
}
"""Name of each command, the module that holds it as ``command``, and its line in ``tinyml --help``."""


class CommandTable(click.Group):
    """The commands of :data:`COMMANDS`, then those of other distributions, which cannot replace them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, without importing a command."""
        return [*COMMANDS, *(name for name in _foreign() if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command called ``cmd_name``; None when there is none."""
        if cmd_name in COMMANDS:
            command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
            return command
        offers = _foreign().get(cmd_name)
        return _imported(cmd_name, offers) if offers else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list for ``--help``."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])
        rows = [
            (name, f"from {entry.distribution}" + (" (hidden by the built-in command)" if name in COMMANDS else ""))
            for name, offers in _foreign().items()
            for entry in offers
        ]
        if rows:
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(_plain(name), _plain(line)) for name, line in rows])


@click.group(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tinyml")
def tinyml() -> None:
    """Find, quantise, compile, prove and train neural networks for microcontrollers."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``tinyml`` and exit: 0, or 2 for a problem the user can act on (one sentence), or 130 when interrupted."""
    try:
        code = tinyml.main(arguments, prog_name="tinyml", standalone_mode=False)
    except TinyMLError as error:
        _report(error)
        code = 2
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        click.echo("Interrupted.", err=True)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


def _report(error: TinyMLError) -> None:
    import logging

    click.echo(f"Error: {_plain(str(error))}", err=True)
    logging.getLogger(__name__).debug("where it was raised", exc_info=error)


def _plain(text: str) -> str:
    from tinyml_core.cli.output import plain

    return plain(text)


def _foreign() -> dict[str, list[Entry]]:
    offers: dict[str, list[Entry]] = {}
    for entry in discover(COMMAND_GROUP):
        offers.setdefault(entry.name, []).append(entry)
    return offers


def _imported(name: str, offers: Sequence[Entry]) -> click.Command:
    if len(offers) > 1:
        owners = " and ".join(entry.distribution for entry in offers)
        raise PluginError(f"command {name!r} comes from {owners}", remedy="uninstall one of them")
    entry = offers[0]
    title = f"command {name!r} of {entry.distribution} {entry.version} ({entry.module})"
    try:
        command = entry.load()
    except (Exception, SystemExit) as error:  # plugin code may raise anything
        raise PluginError(f"{title} cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(command, click.Command):
        raise PluginError(f"{title} is no click command but {type(command).__name__}")
    return command
