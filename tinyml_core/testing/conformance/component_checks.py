"""Checks of every component, whatever its kind: its name, its line, its options and what it is made into."""

from __future__ import annotations

import contextlib
import io
import math
import pickle
import re
from dataclasses import MISSING, fields
from importlib import import_module
from typing import Any

import importlib_metadata

from tinyml_core.discovery import BUNDLED
from tinyml_core.errors import InputError, TinyMLError
from tinyml_core.kinds import KINDS
from tinyml_core.option_table import option_table
from tinyml_core.options import parse_options
from tinyml_core.provenance import in_one_line
from tinyml_core.testing.conformance.answers import ANSWERS
from tinyml_core.testing.conformance.check import Check, Violation, require
from tinyml_core.testing.conformance.subject import Subject

LONGEST_NAME, LONGEST_SUMMARY = 40, 100
"""Characters."""
MAY_REQUIRE = ("dataset",)
"""Kinds whose options may lack a default, because nobody can guess where data lies."""
ODD_VALUES: dict[type, tuple[object, ...]] = {
    int: (-1, 0, 2**31), float: (-1.0, 0.0, math.inf, math.nan), str: ("", "\x00"), bool: (), tuple: ((),),
}  # fmt: skip
"""Values that options of a type do not expect, though they are of that type."""


def name_is_kebab_case(subject: Subject) -> None:
    """The name is of lower-case letters and digits, parted by hyphens, and at most 40 characters long."""
    name = subject.component.name
    fits = re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) and len(name) <= LONGEST_NAME
    require(fits, f"{name!r} is not such a name")


def name_is_not_a_bundled_one(subject: Subject) -> None:
    """No bundled component of the kind has the name, so that nobody needs ``plugin:name``."""
    others = {
        offer.component.name
        for record in subject.platform.describe()
        if record.distribution == BUNDLED and record.name != subject.plugin.name
        for offer in record.contributions
        if offer.kind == subject.kind
    }
    require(subject.component.name not in others, f"{subject.component.name!r} is the name of a bundled {subject.kind}")


def summary_is_one_line(subject: Subject) -> None:
    """The summary is one line of at most 100 printable characters that says more than the name."""
    summary = subject.component.summary
    require(summary.strip() and summary.isprintable(), f"{summary!r} is empty or not printable")
    require(len(summary) <= LONGEST_SUMMARY, f"it has {len(summary)} characters, {LONGEST_SUMMARY} are the most")
    require(summary.strip().lower() != subject.component.name, "it is the name again")


def extra_is_declared(subject: Subject) -> None:
    """The extra that the component names is one of its distribution."""
    if not subject.component.extra or not subject.plugin.distribution:
        return
    known = importlib_metadata.metadata(subject.plugin.distribution).get_all("Provides-Extra") or []
    require(subject.component.extra in known, f"{subject.component.extra!r} is none of {', '.join(known) or 'none'}")


def pickles_by_name(subject: Subject) -> None:
    """The descriptor survives the way to a worker process, where its factory is found again by name."""
    try:
        pickle.dumps(subject.component)  # which looks up every name; what is in a pickle is never read back here
    except Exception as error:  # what pickling raises depends on the factory
        raise Violation(f"it cannot be pickled: {in_one_line(error)}; name the factory by its address") from error


def satisfies_its_protocol(subject: Subject) -> None:
    """What its factory makes has everything that the Protocol of its kind demands."""
    subject.make(_protocol(subject))


def is_made_quietly(subject: Subject) -> None:
    """Importing and making it prints nothing: standard output belongs to ``--json``."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        subject.make(_protocol(subject))
    require(not printed.getvalue(), f"it printed {printed.getvalue()[:80]!r}")


def options_are_frozen(subject: Subject) -> None:
    """The dataclass that declares the options is frozen, because workers and journals rely on what it said."""
    declared: Any = subject.options_class()
    frozen = declared is None or declared.__dataclass_params__.frozen
    require(frozen, f"{declared} is not: write @dataclass(frozen=True)")


def options_have_defaults(subject: Subject) -> None:
    """Every option has a default, and one that it accepts itself; datasets alone may ask where their data lies."""
    declared = subject.options_class()
    if declared is None:
        return
    if subject.kind not in MAY_REQUIRE:
        require(not subject.required, f"{', '.join(subject.required)} has none")
    defaults = {
        option.name: option.default_factory() if option.default_factory is not MISSING else option.default
        for option in fields(declared)
        if option.init and option.name not in subject.required
    }
    given = dict.fromkeys(subject.required, "somewhere") | dict(subject.options)
    try:
        parse_options(declared, {**given, **defaults}, owner=subject.name)
    except InputError as error:
        raise Violation(str(error)) from error


def options_are_documented(subject: Subject) -> None:
    """Every option has a docstring, which ``tinyml show`` prints."""
    declared = subject.options_class()
    silent = [option.name for option in option_table(declared) if not option.doc] if declared else []
    require(not silent, f"{', '.join(silent)} has none: write a string below the field")


def odd_options_are_refused_by_name(subject: Subject) -> None:
    """A value out of range makes a usable component or the platform's InputError, never another exception."""
    declared = subject.options_class()
    given = dict.fromkeys(subject.required, "somewhere") | dict(subject.options)
    for option in fields(declared) if declared else ():
        for value in ODD_VALUES.get(type(option.default), ()) if option.init else ():
            try:
                subject.platform.create(_protocol(subject), subject.name, {**given, option.name: value})
            except InputError:
                continue
            except TinyMLError as error:
                raise Violation(f"{option.name}={value!r}: {error}") from error


def same_seed_gives_the_same_answer(subject: Subject) -> None:
    """Two that are made alike give the same answer to the same question and the same seed, to the bit."""
    first, second = (ANSWERS[subject.kind](subject) for _ in range(2))
    require(first == second, "it gave two different answers")


def _protocol(subject: Subject) -> type[Any]:
    module, _, name = KINDS[subject.kind].protocol.partition(":")
    protocol: type[Any] = getattr(import_module(module), name)
    return protocol


CHECKS = (
    Check(name_is_kebab_case),
    Check(name_is_not_a_bundled_one),
    Check(summary_is_one_line),
    Check(extra_is_declared),
    Check(pickles_by_name),
    Check(satisfies_its_protocol),
    Check(is_made_quietly),
    Check(options_are_frozen),
    Check(options_have_defaults),
    Check(options_are_documented),
    Check(odd_options_are_refused_by_name),
)
"""Those of every component."""
SAME_ANSWER = Check(same_seed_gives_the_same_answer)
"""That of every component of a kind in :data:`~tinyml_core.testing.conformance.answers.ANSWERS`."""
