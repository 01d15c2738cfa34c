"""Subject: what is checked, a plugin or one component of it, and how to make the component afresh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar
from unittest import SkipTest

from tinyml_core.component import Component
from tinyml_core.errors import PluginError
from tinyml_core.platform import Platform
from tinyml_core.provenance import PluginRecord
from tinyml_core.registry import Claim

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A component, or where there is no ``claim`` a plugin as a whole; the rest is for checks of some kinds."""

    platform: Platform
    plugin: PluginRecord
    claim: Claim | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    """Options to make the component with, where its defaults will not do: where a dataset lies, say."""
    example: Any = None
    """Something real for the component to work on: an importer's model file, a reporter's report."""
    target: str = ""
    """Hardware profile to generate code for; one of the same plugin, or any that suits, when empty."""
    graphs: int = 20
    """Random graphs that a code generator or a pass is tried on."""

    @property
    def component(self) -> Component[Any]:
        """The component's descriptor."""
        assert self.claim is not None
        return self.claim.component

    @property
    def kind(self) -> str:
        """The component's kind, "" for a plugin as a whole."""
        return self.claim.kind if self.claim else ""

    @property
    def name(self) -> str:
        """The component's name in full, as a project file can say it, or the plugin's."""
        return f"{self.plugin.name}:{self.component.name}" if self.claim else self.plugin.name

    def options_class(self) -> type | None:
        """The dataclass that declares the options, None when there are none.

        Raises:
            SkipTest: an extra it imports is not installed.
        """
        with self._extra_installed():
            return self.component.load_options()

    @property
    def required(self) -> list[str]:
        """The options without a default."""
        declared = self.options_class()
        return [
            option.name
            for option in (fields(declared) if declared else ())
            if option.init and option.default is MISSING and option.default_factory is MISSING
        ]

    def make(self, protocol: type[T], **options: object) -> T:
        """Make the component anew, through the platform as its users do.

        Raises:
            SkipTest: it cannot be made here: an extra is not installed, or an option has no default.
            TinyMLError: it cannot be made.
        """
        chosen = {**self.options, **options}
        if missing := [name for name in self.required if name not in chosen]:
            raise SkipTest(f"needs the option {missing[0]}: give it in a subclass of the kit's class")
        with self._extra_installed():
            return self.platform.create(protocol, self.name, chosen)

    @contextmanager
    def _extra_installed(self) -> Iterator[None]:
        try:
            yield
        except (PluginError, ModuleNotFoundError) as error:
            cause = error if isinstance(error, ModuleNotFoundError) else error.__cause__
            if not isinstance(cause, ModuleNotFoundError) or not self.component.extra:
                raise
            needed = f"{self.plugin.distribution}[{self.component.extra}]"
            raise SkipTest(f"{cause.name} is not installed: pip install '{needed}'") from error
