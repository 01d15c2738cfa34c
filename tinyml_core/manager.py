"""PluginManager: finds plugins, loads each in isolation and records what became of it.

Names are blocked and version ranges checked before a plugin is imported. Registration hooks are called one
implementation at a time, which pluggy's own call does not do: so every component has a known origin and a plugin that
raises takes nobody with it. Loaded once, in the constructor.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import cast

import pluggy
from packaging.requirements import Requirement

from tinyml_core import __version__, hookspecs
from tinyml_core.component import Component
from tinyml_core.discovery import BUNDLED, Entry, discover, normalised
from tinyml_core.errors import PluginError
from tinyml_core.events import Event
from tinyml_core.kinds import KINDS
from tinyml_core.provenance import Contribution, PluginRecord, Status, in_one_line
from tinyml_core.suggestion import did_you_mean

GROUP = "tinyml_core"
LISTENER_HOOK = "tinyml_event"

logger = logging.getLogger(__name__)
trace = logging.getLogger(f"{__name__}.trace")
"""Told of every hook call, at level DEBUG: ``--trace-hooks`` shows it."""


class OutOfRangeError(PluginError):
    """A plugin declares that it needs another version of the core."""


class PluginManager:
    """The plugins of one :class:`~tinyml_core.platform.Platform`.

    Raises:
        PluginError: only when ``strict``, for the first plugin that does not load.
    """

    def __init__(
        self, plugins: Sequence[object], *, discover: bool, disable: Collection[str], strict: bool, quiet: bool
    ) -> None:
        self._disable, self._strict, self._quiet = frozenset(disable), strict, quiet
        self._pluggy = pluggy.PluginManager(GROUP)
        self._pluggy.add_hookspecs(hookspecs)
        self._deaf: set[str] = set()
        records: dict[str, PluginRecord] = {}
        self.records: list[PluginRecord] = []
        for entry in _entries(plugins, discover):
            record = self._load(entry, records.get(entry.name))
            records.setdefault(entry.name, record)
            self.records.append(record)
        for name in sorted(self._disable - records.keys()):
            hint = did_you_mean(name, records) or f"known plugins: {', '.join(records) or 'none'}"
            self._warn("cannot disable plugin %r: there is none of that name; %s", name, hint)

    def notify(self, event: Event) -> None:
        """Tell every ``tinyml_event`` listener; one that raises is named in a warning and not told again."""
        for listener in self._pluggy.hook.tinyml_event.get_hookimpls():
            if listener.plugin_name in self._deaf:
                continue
            trace.debug("hook %s of plugin %r hears %s", LISTENER_HOOK, listener.plugin_name, event)
            try:
                listener.function(*[event for _ in listener.argnames])
            except Exception as error:  # a listener must not stop the work it watches
                self._deaf.add(listener.plugin_name)
                self._warn("plugin %r no longer hears events: %s", listener.plugin_name, in_one_line(error))

    def _load(self, entry: Entry, namesake: PluginRecord | None) -> PluginRecord:
        record = PluginRecord(entry.name, entry.distribution, entry.version, entry.module)
        if entry.name in self._disable:
            cause = "disabled by --no-plugin, the configuration or TINYML_NO_PLUGINS"
            return replace(record, status=Status.DISABLED, cause=cause)
        if namesake is not None:
            clash = PluginError(f"{record.title} has the name of the one from {namesake.origin}")
            return self._refuse(record, Status.FAILED, clash)
        try:
            _check_range(entry)
            hooks = self._register(entry)
            found = [c for hook in hooks if hook.name != LISTENER_HOOK for c in _contributions(hook, entry.name)]
        except (Exception, SystemExit) as error:  # plugin code may raise anything, and some modules exit on import
            self._pluggy.unregister(name=entry.name)
            status = Status.INCOMPATIBLE if isinstance(error, OutOfRangeError) else Status.FAILED
            return self._refuse(record, status, error)
        return replace(record, hooks=tuple(sorted(hook.name for hook in hooks)), contributions=tuple(found))

    def _register(self, entry: Entry) -> list[pluggy.HookCaller]:
        plugin = entry.load()
        self._pluggy.register(plugin, entry.name)
        hooks = self._pluggy.get_hookcallers(plugin) or []
        if not hooks:
            raise PluginError("implements no hook; mark its functions with @hookimpl from tinyml_core.hookspecs")
        for hook in hooks:
            own = _implementation(hook, entry.name)
            if not hook.has_spec() and not own.optionalhook:
                hint = did_you_mean(hook.name, [*(kind.hook for kind in KINDS.values()), LISTENER_HOOK])
                raise PluginError(f"implements unknown hook {hook.name!r}", remedy=hint)
            if own.wrapper or own.hookwrapper:
                raise PluginError(f"hook {hook.name} is a wrapper, which no hook here can be")
        return [hook for hook in hooks if hook.has_spec()]

    def _refuse(self, record: PluginRecord, status: Status, error: BaseException) -> PluginRecord:
        refused = replace(record, status=status, cause=in_one_line(error), error=error)
        if self._strict:
            remedy = f"type `tinyml plugins show {record.name}`, or leave it out with --no-plugin {record.name}"
            raise PluginError(f"{record.title} is {status}: {refused.cause}", remedy=remedy) from error
        hint = f"see `tinyml plugins show {record.name}`"
        self._warn("%s is not loaded, %s: %s; %s", record.title, status, refused.cause, hint)
        return refused

    def _warn(self, message: str, *values: object) -> None:
        if not self._quiet:
            logger.warning(message, *values)


def _entries(plugins: Sequence[object], discovering: bool) -> Iterator[Entry]:
    # What the calling program passes is named on purpose, so it comes before what happens to be installed.
    for plugin in plugins:
        name = getattr(plugin, "__name__", type(plugin).__name__)
        yield Entry(name, getattr(plugin, "__module__", name), "", "", (), _constant(plugin))
    yield from discover(GROUP) if discovering else ()


def _constant(plugin: object) -> Callable[[], object]:
    return lambda: plugin


def _check_range(entry: Entry) -> None:
    for line in entry.requires if entry.distribution != BUNDLED else ():
        requirement = Requirement(line)
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if normalised(requirement.name) != BUNDLED or not applies:
            continue
        if not requirement.specifier.contains(__version__, prereleases=True):
            raise OutOfRangeError(f"needs {BUNDLED}{requirement.specifier}, this is {__version__}")


def _implementation(hook: pluggy.HookCaller, plugin: str) -> pluggy.HookImpl:
    return next(own for own in hook.get_hookimpls() if own.plugin_name == plugin)


def _contributions(hook: pluggy.HookCaller, plugin: str) -> list[Contribution]:
    kind = next(kind.name for kind in KINDS.values() if kind.hook == hook.name)
    try:
        # Materialised here, because a generator raises only when it is read.
        components = list(cast(Iterable[object], _implementation(hook, plugin).function()))
    except (Exception, SystemExit) as error:
        trace.debug("hook %s of plugin %r raised %s", hook.name, plugin, in_one_line(error))
        raise PluginError(f"hook {hook.name}: {in_one_line(error)}") from error
    found: dict[str, Contribution] = {}
    for component in components:
        if not isinstance(component, Component):
            raise PluginError(f"hook {hook.name}: returned {type(component).__name__}, not Component")
        if not isinstance(component.name, str) or not component.name or ":" in component.name:
            raise PluginError(f"hook {hook.name}: {component.name!r} is not a name")
        if component.name in found:
            raise PluginError(f"hook {hook.name}: returned {component.name!r} twice")
        found[component.name] = Contribution(kind, hook.name, component)
    trace.debug("hook %s of plugin %r returned %s", hook.name, plugin, ", ".join(found) or "nothing")
    return list(found.values())
