"""Each hook brings what a plugin returns, and the tables that describe hooks agree."""

from __future__ import annotations

import importlib
import inspect
from types import SimpleNamespace

import pytest

from tinyml_core import hookspecs
from tinyml_core.component import Component
from tinyml_core.events import StageStarted
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.hookspecs import hookimpl
from tinyml_core.kinds import KINDS
from tinyml_core.platform import Platform

SPECIFIED = {name for name, value in vars(hookspecs).items() if hasattr(value, "tinyml_core_spec")}


def protocol_of(kind):
    module, _, name = kind.protocol.partition(":")
    return getattr(importlib.import_module(module), name)


def smallest(protocol):
    """The least that satisfies a Protocol: everything it names, and nothing more."""
    if protocol is HardwareProfile:
        return HardwareProfile(
            name="tiny", title="", vendor="", core="", features=frozenset(), clock_hz=1, regions=(), sources={}
        )
    return type("Smallest", (), {part: lambda self: None for part in dir(protocol) if not part.startswith("_")})()


def plugin_with(hook, function):
    function.__name__ = hook
    return SimpleNamespace(__name__="small", **{hook: hookimpl(function)})


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.hook)
def test_hook(kind):
    protocol = protocol_of(kind)
    thing = smallest(protocol)
    plugin = plugin_with(kind.hook, lambda: [Component("small", lambda: thing, "the smallest there is")])
    platform = Platform(plugins=[plugin], discover=False)
    assert platform.names(protocol) == ["small"]
    assert platform.create(protocol, "small") is thing
    assert platform.create(protocol, "small:small") is thing
    (record,) = platform.describe()
    assert record.hooks == (kind.hook,)
    assert [other.name for other in KINDS.values() if platform.registry.names(other.name)] == [kind.name]


def test_hook_tinyml_event():
    heard = []
    platform = Platform(plugins=[plugin_with("tinyml_event", lambda event: heard.append(event))], discover=False)
    platform.emit(StageStarted("search", 3))
    assert heard == [StageStarted("search", 3)]


def test_kinds_and_hook_specifications_agree():
    assert {kind.hook for kind in KINDS.values()} | {"tinyml_event"} == SPECIFIED
    assert all(name == kind.name for name, kind in KINDS.items())


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.hook)
def test_specification_names_the_protocol_of_its_kind(kind):
    specification = getattr(hookspecs, kind.hook)
    assert specification.__annotations__["return"] == f"Iterable[Component[{kind.protocol.partition(':')[2]}]]"
    assert inspect.getdoc(specification)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.hook)
def test_protocol_can_be_checked_at_run_time(kind):
    protocol = protocol_of(kind)
    assert isinstance(smallest(protocol), protocol)
    assert not isinstance(object(), protocol)
