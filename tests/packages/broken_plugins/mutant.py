"""Mutant: a component that does everything right but one thing."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl
from tinyml_core.kinds import KINDS


@dataclass(frozen=True)
class Mutant:
    """Violates ``check`` alone; ``of`` is where the table has that check: a kind, or ``component``."""

    check: str
    kind: str
    component: Component[Any]
    of: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    """What its subject needs: an example, options."""

    @property
    def row(self) -> tuple[str, str]:
        """The row of the table of checks."""
        return self.of or self.kind, self.check

    @property
    def plugin(self) -> SimpleNamespace:
        """A plugin that brings nothing else."""

        def register() -> list[Component[Any]]:
            return [self.component]

        register.__name__ = KINDS[self.kind].hook
        return SimpleNamespace(__name__=f"broken-{self.kind}-{self.check}", **{register.__name__: hookimpl(register)})


def mutants(kind: str, broken: dict[str, Any], **settings: Any) -> tuple[Mutant, ...]:
    """One for each check of ``kind`` and what violates it."""
    return tuple(
        Mutant(check, kind, Component(f"broken-{number}", factory, f"violates {check}"), settings=settings)
        for number, (check, factory) in enumerate(broken.items())
    )
