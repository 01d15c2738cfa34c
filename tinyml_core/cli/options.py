"""What all commands share: ``--json``, ``--set``, ``--no-plugin``, ``--strict-plugins``, ``--trace-hooks`` and ``-v``.

    @click.command()
    @click.argument("name")
    @shared_options()
    def command(session: Session, name: str) -> None:
        platform = session.platform()
        session.print({"name": name}, f"the name is {name}")

With ``--json`` whatever else writes to standard output while the command runs (a plugin that prints, say) lands on
standard error, so that standard output holds one JSON object or nothing.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

import click

from tinyml_core import manager
from tinyml_core.cli.output import Table, plain, write_json, write_parts
from tinyml_core.events import Event
from tinyml_core.platform import Platform


@dataclass(frozen=True)
class Session:
    """What the shared options of one command say."""

    json: bool
    overrides: tuple[tuple[str, str], ...]
    """Each ``--set`` as path and text of the value, in the order given."""
    disable: tuple[str, ...]
    strict: bool
    verbose: int
    _stdout: TextIO

    def with_overrides(self, **values: object) -> tuple[tuple[str, str], ...]:
        """The ``--set`` overrides, then those options of the command that were given (not None)."""
        return self.overrides + tuple((name, str(value)) for name, value in values.items() if value is not None)

    def with_options_of(self, **components: str | None) -> tuple[tuple[str, str], ...]:
        """Those components that the command was given (not None), then the ``--set`` overrides of their options."""
        return tuple((kind, name) for kind, name in components.items() if name is not None) + self.overrides

    def platform(self, disable: Collection[str] = (), listen: Callable[[Event], None] | None = None) -> Platform:
        """A platform as the options ask; ``disable`` adds the plugins a project file leaves out."""
        return Platform(disable=[*self.disable, *disable], strict=self.strict, listen=listen)

    def print(self, report: Mapping[str, Any], *parts: Table | str) -> None:
        """Print ``report`` under ``--json``, else ``parts``; call it once, at the end."""
        if self.json:
            write_json(report, self._stdout)
        else:
            write_parts(parts, self._stdout)


def shared_options(*, overrides: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the shared options to a click command, which receives them as its first argument, a :class:`Session`.

    ``overrides`` says that the command has settings which ``--set`` can change; elsewhere ``--set`` is refused.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
        @click.option("--set", "assignments", multiple=True, metavar="PATH=VALUE", help="Change a setting; repeatable.")
        @click.option("--no-plugin", "disable", multiple=True, metavar="NAME", help="Leave out a plugin; repeatable.")
        @click.option("--strict-plugins", "strict", is_flag=True, help="Stop when a plugin does not load.")
        @click.option("--trace-hooks", "trace", is_flag=True, help="Print every hook call: plugin, hook and result.")
        @click.option("-v", "--verbose", count=True, help="Say more; -vv adds tracebacks.")
        @functools.wraps(function)
        def wrapped(
            *arguments: object,
            as_json: bool,
            assignments: tuple[str, ...],
            disable: tuple[str, ...],
            strict: bool,
            trace: bool,
            verbose: int,
            **rest: object,
        ) -> None:
            if assignments and not overrides:
                raise click.UsageError("--set changes a value of a project, and this command reads none")
            _configure_logging(verbose, trace)
            session = Session(
                as_json, tuple(_assignment(text) for text in assignments), disable, strict, verbose, sys.stdout
            )
            with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
                function(session, *arguments, **rest)

        return wrapped

    return decorate


def _assignment(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise click.UsageError(f"--set takes PATH=VALUE, such as search.options.population=64, not {text!r}")
    return path.strip(), value


class _StandardError(logging.Handler):
    """One line per record on the standard error of the moment, with the traceback below it where there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"{record.levelname.capitalize()}: {plain(record.getMessage())}", err=True)
        if record.exc_info:
            text = logging.Formatter().formatException(record.exc_info)
            click.echo("\n".join(plain(line) for line in text.split("\n")), err=True)


def _configure_logging(verbose: int, trace: bool) -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _StandardError)]:
        root.removeHandler(handler)
    root.addHandler(_StandardError())
    root.setLevel({0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG))
    logging.getLogger(f"{manager.__name__}.trace").setLevel(logging.DEBUG if trace else logging.WARNING)
