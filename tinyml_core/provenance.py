"""Provenance: which plugin brought what, and what became of each plugin."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tinyml_core.component import Component
from tinyml_core.errors import TinyMLError


class Status(StrEnum):
    """What became of a plugin."""

    LOADED = "LOADED"
    FAILED = "FAILED"
    INCOMPATIBLE = "INCOMPATIBLE"
    DISABLED = "DISABLED"


@dataclass(frozen=True)
class Contribution:
    """A component as a plugin's registration hook returned it."""

    kind: str
    hook: str
    component: Component[Any]


@dataclass(frozen=True)
class PluginRecord:
    """One plugin: where it comes from, what became of it and what it brings."""

    name: str
    distribution: str
    """The distribution that brings it, or "" for an object given to the Platform."""
    version: str
    module: str
    status: Status = Status.LOADED
    cause: str = ""
    """Why it is not loaded, in one line."""
    error: BaseException | None = field(default=None, compare=False)
    hooks: tuple[str, ...] = ()
    contributions: tuple[Contribution, ...] = ()

    @property
    def origin(self) -> str:
        """Distribution and version."""
        return f"{self.distribution} {self.version}".strip() or "the calling program"

    @property
    def title(self) -> str:
        """Name and origin, as messages give them."""
        return f"plugin {self.name!r} from {self.origin}"


def in_one_line(error: BaseException) -> str:
    """What went wrong without line breaks: the platform's own sentence, or the exception's type and text."""
    text = str(error) if isinstance(error, TinyMLError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:500]
