"""Platform: lookup by name, isolation between platforms, events, and what workers get."""

from __future__ import annotations

import logging
import pickle
import typing
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from tinyml_core.api.cost_model import CostModel
from tinyml_core.api.search_strategy import SearchStrategy
from tinyml_core.component import Component
from tinyml_core.errors import InputError, PluginError
from tinyml_core.events import StageStarted
from tinyml_core.hookspecs import hookimpl
from tinyml_core.kinds import KINDS
from tinyml_core.option_table import option_table
from tinyml_core.platform import Platform
from tinyml_core.provenance import Contribution, PluginRecord
from tinyml_core.registry import Registry

heard_by_acme = []


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A strategy with options."""

    population: int = 10
    crossover: float = 0.5

    def __post_init__(self) -> None:
        if self.population < 1:
            raise ValueError("population must be at least 1")

    def begin(self, space, rng):
        raise NotImplementedError


@dataclass(frozen=True)
class Patience:
    days: int = 3
    nights: int = 3


class Acme:
    """A plugin that can be sent to a worker: an instance of a class that can be imported."""

    __name__ = "acme"

    @hookimpl
    def tinyml_search_strategies(self):
        return [Component("patient", Patient, "waits")]

    @hookimpl
    def tinyml_event(self, event):
        heard_by_acme.append(event)


def plugin(name, *components, hook="tinyml_search_strategies"):
    return SimpleNamespace(__name__=name, **{hook: hookimpl(lambda: components)})


def strategy(name, factory=Patient, options=None):
    return Component(name, factory, "", options)


def platform(*plugins, **settings):
    return Platform(plugins=plugins, discover=False, **settings)


def test_options_reach_the_component():
    made = platform(Acme()).create(SearchStrategy, "patient", {"population": 64, "crossover": 1})
    assert made == Patient(population=64, crossover=1.0)
    assert isinstance(made.crossover, float)


def test_component_is_made_once():
    made = []

    @dataclass(frozen=True)
    class Counted:
        start: int = 0

        def __post_init__(self):
            made.append(self.start)

        def begin(self, space, rng):
            raise NotImplementedError

    platform(plugin("a", strategy("x", Counted))).create(SearchStrategy, "x", {"start": 2})
    assert made == [2]


def test_generator_is_read_where_its_errors_are_caught():
    def late():
        yield strategy("x")
        raise LookupError("late")

    (record,) = platform(SimpleNamespace(__name__="a", tinyml_search_strategies=hookimpl(late))).describe()
    assert (record.status, record.cause) == ("FAILED", "hook tinyml_search_strategies: LookupError: late")
    assert record.contributions == ()


def test_options_declared_apart_reach_the_factory_complete():
    def factory(days, nights):
        return SimpleNamespace(begin=(days, nights))

    made = platform(plugin("a", strategy("x", factory, Patience))).create(SearchStrategy, "x", {"days": 1})
    assert made.begin == (1, 3)


def test_option_problems_are_all_told_with_their_place():
    with pytest.raises(InputError) as raised:
        platform(Acme()).create(SearchStrategy, "patient", {"populaton": 1, "crossover": "much"}, "search.options")
    assert str(raised.value) == (
        "search.options.populaton: unknown option of search-strategy 'patient'; did you mean 'population'?; "
        "search.options.crossover: 'much' is not of type float; "
        "type `tinyml show search-strategy patient` for the options"
    )


def test_component_without_options_refuses_any():
    with pytest.raises(InputError, match=r"^o\.x: search-strategy 'x' takes no options"):
        platform(plugin("a", strategy("x", lambda: Patient()))).create(SearchStrategy, "x", {"x": 1}, "o")


def test_range_error_of_the_dataclass_is_the_users():
    with pytest.raises(InputError, match=r"^search.options: population must be at least 1"):
        platform(Acme()).create(SearchStrategy, "patient", {"population": 0}, "search.options")


def test_component_that_lacks_a_method_is_refused():
    with pytest.raises(PluginError, match=r"plugin 'a' .* is no SearchStrategy: it lacks begin"):
        platform(plugin("a", strategy("x", lambda: object()))).create(SearchStrategy, "x")


class Stillborn:
    """Has what it takes, but cannot say so."""

    @property
    def quantities(self):
        raise OSError("no licence")

    def estimate(self, graph, profile, platform):
        raise NotImplementedError


def test_component_whose_property_raises_is_blamed():
    with pytest.raises(PluginError, match=r"plugin 'a' .* cannot be checked: OSError: no licence"):
        platform(plugin("a", strategy("x", Stillborn), hook="tinyml_cost_models")).create(CostModel, "x")


@pytest.mark.parametrize(
    ("factory", "cause"),
    [
        ("no_such_module:X", "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"),
        ("tinyml_core.errors:Nothing", "cannot be imported: AttributeError"),
        ("tinyml_core.errors", "cannot be imported: AttributeError"),
        (lambda: 1 / 0, "cannot be made: ZeroDivisionError: division by zero"),
        (lambda: exit(3), "cannot be made: SystemExit: 3"),
        (lambda wanted: wanted, "cannot be made: TypeError"),
    ],
)
def test_component_that_breaks_names_plugin_hook_cause_and_next_command(factory, cause):
    with pytest.raises(PluginError) as raised:
        platform(plugin("a", strategy("x", factory))).create(SearchStrategy, "x")
    sentence = str(raised.value)
    assert sentence.startswith(
        "search-strategy 'x' of plugin 'a' from the calling program (tinyml_search_strategies) " + cause
    )
    assert sentence.endswith("type `tinyml plugins show a` for the traceback")
    assert raised.value.__cause__ is not None


def test_missing_extra_says_what_to_install():
    component = Component("x", "no_such_module.inner:X", "needs more", extra="train")
    record = PluginRecord(
        "a", "vendor", "1.0", "vendor.hooks",
        contributions=(Contribution("search-strategy", "tinyml_search_strategies", component),),
    )  # fmt: skip
    with pytest.raises(PluginError, match=r"; pip install 'vendor\[train\]', or type"):
        Registry([record], strict=False).find("search-strategy", "x").create({}, "")


def bundled_components():
    registry = Platform().registry
    return [pytest.param(kind, name, id=f"{kind}-{name}") for kind in KINDS for name in registry.names(kind)]


@pytest.mark.parametrize(("kind", "name"), bundled_components())
def test_bundled_component_can_be_imported_and_told(kind, name):
    claim = Platform().registry.find(kind, name)
    try:
        declared = claim.options()
    except PluginError as error:
        absent = getattr(error.__cause__, "name", None) or "tinyml"
        if isinstance(error.__cause__, ModuleNotFoundError) and not absent.startswith("tinyml"):
            pytest.skip(f"{absent} is not installed")
        raise
    assert claim.component.summary
    assert "\n" not in claim.component.summary
    if declared is not None:
        assert typing.get_type_hints(declared).keys() >= {option.name for option in option_table(declared)}
        assert [option.name for option in option_table(declared) if not option.doc] == []


def test_two_platforms_with_different_plugins_in_one_process():
    left, right = platform(plugin("a", strategy("x"))), platform(plugin("b", strategy("y")))
    assert (left.names(SearchStrategy), right.names(SearchStrategy)) == (["x"], ["y"])
    with pytest.raises(PluginError, match="no search-strategy is called 'y'"):
        left.create(SearchStrategy, "y")


def test_clash_is_an_error_only_when_asked_for():
    both = platform(plugin("a", strategy("x"), strategy("y")), plugin("b", strategy("x")))
    assert both.names(SearchStrategy) == ["a:x", "b:x", "y"]
    both.create(SearchStrategy, "y")
    both.create(SearchStrategy, "b:x")
    with pytest.raises(PluginError, match=r"'x' comes from plugin 'a' .* and from plugin 'b' .*; say a:x or b:x"):
        both.create(SearchStrategy, "x")
    with pytest.raises(PluginError, match="comes from plugin 'a'"):
        platform(plugin("a", strategy("x")), plugin("b", strategy("x")), strict=True).names(SearchStrategy)


def test_unknown_name_gives_known_ones_and_the_nearest():
    with pytest.raises(PluginError, match=r"\(did you mean 'patient'\? known: patient, zeal\)"):
        platform(plugin("a", strategy("patient"), strategy("zeal"))).create(SearchStrategy, "patiant")


def test_protocol_that_is_no_kind():
    with pytest.raises(PluginError, match="builtins:int is no kind of component"):
        platform().names(int)


@pytest.mark.parametrize(
    ("components", "cause"),
    [
        ([strategy("x"), strategy("x")], "returned 'x' twice"),
        ([strategy("")], "'' is not a name"),
        ([strategy("a:b")], "'a:b' is not a name"),
        ([None], "returned NoneType, not Component"),
    ],
)
def test_registration_that_is_no_use(components, cause):
    (record,) = platform(plugin("a", *components)).describe()
    assert (record.status, record.cause) == ("FAILED", f"hook tinyml_search_strategies: {cause}")


def test_plugin_without_hooks_is_told_apart_from_one_that_offers_nothing():
    nothing, empty = SimpleNamespace(__name__="nothing"), plugin("empty")
    records = platform(nothing, empty).describe()
    assert [record.status for record in records] == ["FAILED", "LOADED"]
    assert "implements no hook; mark its functions with @hookimpl" in records[0].cause


def test_optional_unknown_hook_loads():
    newer = SimpleNamespace(__name__="newer", tinyml_later=hookimpl(lambda: [], optionalhook=True))
    (record,) = platform(newer).describe()
    assert (record.status, record.hooks) == ("LOADED", ())


def test_wrapper_is_refused():
    def wrapper():
        return (yield)

    wrapping = SimpleNamespace(__name__="wrapping", tinyml_search_strategies=hookimpl(wrapper, wrapper=True))
    (record,) = platform(wrapping).describe()
    assert record.cause == "hook tinyml_search_strategies is a wrapper, which no hook here can be"


def test_failed_plugin_leaves_no_hook_behind():
    heard = []
    half = SimpleNamespace(
        __name__="half",
        tinyml_event=hookimpl(lambda event: heard.append(event)),
        tinyml_search_strategies=hookimpl(lambda: [None]),
    )
    platform(half).emit(StageStarted("search"))
    assert heard == []


def test_nothing_is_loaded_before_the_first_lookup():
    called = []
    lazy = SimpleNamespace(__name__="lazy", tinyml_cost_models=hookimpl(lambda: called.append(1) or []))
    waiting = platform(lazy)
    assert called == []
    waiting.names(CostModel)
    waiting.names(SearchStrategy)
    assert called == [1]


def test_one_warning_for_each_broken_plugin_and_none_twice(caplog):
    broken = platform(plugin("a", None), plugin("b", None), plugin("c", strategy("x")))
    broken.names(SearchStrategy)
    broken.create(SearchStrategy, "x")
    assert [record.getMessage().split(" from ")[0] for record in caplog.records] == ["plugin 'a'", "plugin 'b'"]


def test_unknown_name_to_disable_is_a_warning_with_the_nearest(caplog):
    platform(plugin("acme", strategy("x")), disable=["acmee"]).names(SearchStrategy)
    (record,) = caplog.records
    assert record.getMessage() == "cannot disable plugin 'acmee': there is none of that name; did you mean 'acme'?"


def test_environment_disables_and_makes_strict(monkeypatch):
    monkeypatch.setenv("TINYML_NO_PLUGINS", " a ,, b")
    monkeypatch.setenv("TINYML_STRICT_PLUGINS", "1")
    settings = Platform(disable=["c"]).settings
    assert (settings.disable, settings.strict) == (("a", "b", "c"), True)


def test_strict_raises_with_the_cause_chained():
    with pytest.raises(PluginError, match="plugin 'a' from the calling program is FAILED") as raised:
        platform(plugin("a", hook="tinyml_no_such_hook"), strict=True).describe()
    assert "unknown hook" in str(raised.value.__cause__)


def test_disabled_bundled_plugin_is_named_when_it_is_asked_for(caplog):
    with pytest.raises(PluginError, match=r"plugin 'tinynas' from tinyml-core .* is DISABLED \(disabled by"):
        Platform(disable=["tinynas"]).create(SearchStrategy, "evolution")
    assert not [record for record in caplog.records if "tinynas" in record.getMessage()]


def test_listener_that_raises_is_named_once_and_dropped(caplog):
    heard = []

    def fail(event):
        heard.append("bad")
        raise RuntimeError("no\nterminal")

    bad = SimpleNamespace(__name__="bad", tinyml_event=hookimpl(fail))
    good = SimpleNamespace(__name__="good", tinyml_event=hookimpl(lambda: heard.append("good")))
    told = []
    noisy = platform(bad, good, listen=told.append)
    noisy.emit(StageStarted("one"))
    noisy.emit(StageStarted("two"))
    assert sorted(heard) == ["bad", "good", "good"]
    assert told == [StageStarted("one"), StageStarted("two")]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "plugin 'bad' no longer hears events: RuntimeError: no terminal"


def test_worker_gets_an_equal_but_silent_platform(caplog):
    heard_by_acme.clear()
    parent = Platform(plugins=[Acme()], discover=False, disable=["zzz"])
    settings = pickle.loads(pickle.dumps(parent.settings))
    worker = Platform.from_settings(settings)
    assert worker.names(SearchStrategy) == parent.names(SearchStrategy) == ["patient"]
    assert worker.create(SearchStrategy, "acme:patient") == parent.create(SearchStrategy, "patient")
    worker.emit(StageStarted("worker"))
    parent.emit(StageStarted("parent"))
    assert heard_by_acme == [StageStarted("parent")]
    assert len(caplog.records) == 1, "the parent's warning about 'zzz', not the worker's"


def test_plugin_object_that_cannot_travel_is_named():
    with pytest.raises(PluginError, match="plugin object 'local' cannot be sent to a worker"):
        _ = platform(plugin("local", strategy("x", lambda: Patient()))).settings
