"""Component: what a registration hook returns, a name and where to find the thing behind it.

A descriptor costs nothing to make, so a hooks module stays light::

    @hookimpl
    def tinyml_search_strategies():
        return [Component("evolution", "tinyml_plugins.tinynas.evolution:Evolution", "aging evolution")]

``Component.load()`` is the only place where a plugin's heavy module is imported.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)  # no slots: frozen + slots + Generic raises TypeError on Component[X](...) in Python 3.11
class Component(Generic[T_co]):
    """A named, lazily imported factory of one kind of thing.

    The factory is called with its options as keyword arguments; those options are the fields of a frozen dataclass:
    ``options`` when given, else the factory itself when it is a dataclass, else none.
    """

    name: str
    """What a project file or ``--set`` says to choose it: kebab-case, unique per kind."""
    factory: str | Callable[..., T_co]
    """``"package.module:attribute"``, imported on first use, or the callable itself."""
    summary: str
    """One line, shown by ``tinyml plugins list``."""
    options: str | type | None = None
    """A frozen dataclass whose fields are the options, or where to find it."""
    extra: str = ""
    """The extra of the plugin's distribution that installs what the factory imports: ``sim``, ``train``."""

    def load(self) -> Callable[..., T_co]:
        """Import and return the factory."""
        factory: Callable[..., T_co] = _resolve(self.factory)
        return factory

    def load_options(self) -> type | None:
        """Import and return the dataclass that declares the options, or None when there are none."""
        from dataclasses import is_dataclass

        declared = _resolve(self.options) if self.options is not None else self.load()
        return declared if isinstance(declared, type) and is_dataclass(declared) else None


def _resolve(target: Any) -> Any:  # noqa: ANN401 - whatever the address names
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    value: Any = importlib.import_module(module)
    for part in attribute.split("."):
        value = getattr(value, part)
    return value
