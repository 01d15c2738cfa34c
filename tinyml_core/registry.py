"""Registry: components by kind and name, each with the plugin it comes from.

A name that two plugins claim is an error only when somebody asks for it; ``plugin:name`` picks one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields

from tinyml_core.component import Component
from tinyml_core.errors import PluginError, TinyMLError
from tinyml_core.options import parse_options, refuse_options
from tinyml_core.provenance import PluginRecord, Status, in_one_line
from tinyml_core.suggestion import did_you_mean


@dataclass(frozen=True)
class Claim:
    """A component and the plugin that brings it."""

    kind: str
    hook: str
    component: Component[object]
    plugin: PluginRecord

    @property
    def title(self) -> str:
        """Kind, name and origin, as messages give them."""
        return f"{self.kind} {self.component.name!r} of {self.plugin.title}"

    def options(self) -> type | None:
        """The dataclass of the component's options; imports the component."""
        with self.blamed("cannot be imported"):
            return self.component.load_options()

    def create(self, options: Mapping[str, object], place: str) -> object:
        """Import the component and make one with ``options``, which stand at ``place`` of the user's input.

        Raises:
            InputError: the options are not usable; all their problems in one message.
            PluginError: the plugin's code raised.
        """
        declared = self.options()
        owner = f"{self.kind} {self.component.name!r}"
        with self.blamed("cannot be made"):
            factory = self.component.load()
            if declared is None:
                refuse_options(options, owner=owner, place=place)
                return factory()
            remedy = f"type `tinyml show {self.kind} {self.component.name}` for the options"
            chosen = parse_options(declared, options, owner=owner, place=place, remedy=remedy)
            if declared is factory:
                return chosen
            return factory(**{field.name: getattr(chosen, field.name) for field in fields(chosen) if field.init})

    @contextmanager
    def blamed(self, action: str) -> Iterator[None]:
        """Turn whatever the plugin's code raises into an error that names the plugin."""
        try:
            yield
        except TinyMLError:
            raise
        except (Exception, SystemExit) as error:
            show = f"type `tinyml plugins show {self.plugin.name}` for the traceback"
            if isinstance(error, ModuleNotFoundError) and self.component.extra:
                show = f"pip install '{self.plugin.distribution}[{self.component.extra}]', or {show}"
            raise PluginError(f"{self.title} ({self.hook}) {action}: {in_one_line(error)}", remedy=show) from error


class Registry:
    """What the loaded plugins of a platform offer.

    Raises:
        PluginError: only when ``strict``, for the first name that two plugins claim.
    """

    def __init__(self, records: Sequence[PluginRecord], *, strict: bool) -> None:
        self.records = tuple(records)
        self._claims: dict[str, dict[str, list[Claim]]] = {}
        for record in records:
            for offer in record.contributions:
                claim = Claim(offer.kind, offer.hook, offer.component, record)
                self._claims.setdefault(offer.kind, {}).setdefault(offer.component.name, []).append(claim)
        for kind in self._claims if strict else ():
            for name in self._claims[kind]:
                self.find(kind, name)

    def names(self, kind: str) -> list[str]:
        """What can be asked for, sorted; a name with several claimants appears as each ``plugin:name``."""
        return sorted(
            f"{claim.plugin.name}:{name}" if len(claims) > 1 else name
            for name, claims in self._claims.get(kind, {}).items()
            for claim in claims
        )

    def find(self, kind: str, asked: str) -> Claim:
        """The component ``asked`` for, as ``name`` or ``plugin:name``.

        Raises:
            PluginError: nobody claims the name, or several do, or its plugin is not loaded.
        """
        plugin, _, name = asked.rpartition(":")
        claims = self._claims.get(kind, {}).get(name, [])
        chosen = [claim for claim in claims if plugin in ("", claim.plugin.name)]
        if len(chosen) == 1:
            return chosen[0]
        if chosen:
            owners = " and from ".join(claim.plugin.title for claim in chosen)
            picks = " or ".join(f"{claim.plugin.name}:{name}" for claim in chosen)
            outs = " or ".join(f"--no-plugin {claim.plugin.name}" for claim in chosen)
            raise PluginError(
                f"{kind} {name!r} comes from {owners}", remedy=f"say {picks}, or leave one out with {outs}"
            )
        raise self._unknown(kind, asked, plugin or name)

    def _unknown(self, kind: str, asked: str, owner: str) -> PluginError:
        absent = [record for record in self.records if record.status is not Status.LOADED]
        blamed = [record for record in absent if record.name == owner]
        if blamed:
            causes = _causes(blamed)
            remedy = f"type `tinyml plugins show {owner}`"
            return PluginError(f"{kind} {asked!r} cannot be had, because {causes}", remedy=remedy)
        known = self.names(kind)
        hint = did_you_mean(asked, known)
        problem = f"no {kind} is called {asked!r} ({hint + ' ' if hint else ''}known: {', '.join(known) or 'none'})"
        if absent:
            problem += f"; it may belong to a plugin that is not loaded: {_causes(absent)}"
        return PluginError(problem, remedy=f"type `tinyml show {kind}` for the list")


def _causes(records: Sequence[PluginRecord]) -> str:
    return ", ".join(f"{record.title} is {record.status} ({record.cause})" for record in records)
