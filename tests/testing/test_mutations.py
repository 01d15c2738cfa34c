"""The kit finds what it is for: each check fails on the plugin made to violate it, and on no other."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from broken_plugins import MUTANTS
from tinyml_core.kinds import KINDS
from tinyml_core.platform import Platform
from tinyml_core.testing.conformance import every_check
from tinyml_core.testing.conformance.running import check_subject, subjects
from tinyml_core.testing.conformance.table import OF_KINDS

SLOW = {(of, check.name) for of, check in every_check() if check.slow}
INSTALLED = {("plugin", check.name) for of, check in every_check() if of == "plugin"} | {
    ("component", "extra-is-declared")
}
"""Checks of what only an installed distribution has: test_broken_distributions.py."""


def findings(mutant, *, slow):
    platform = Platform(plugins=[mutant.plugin])
    record = platform.describe()[0]
    assert record.module == record.name == mutant.plugin.__name__
    settings = {key: value() if callable(value) else value for key, value in mutant.settings.items()}
    _, subject = subjects(platform, record)
    return list(check_subject(replace(subject, **settings), slow=slow))


def failed(found):
    return {finding.check.name: finding.detail for finding in found if finding.outcome == "failed"}


LONG = [mutant for mutant in MUTANTS if any(check.slow for check in OF_KINDS[mutant.kind])]
QUICK = [mutant for mutant in MUTANTS if mutant.row not in SLOW]


@pytest.mark.parametrize("mutant", QUICK, ids=lambda mutant: "-".join(mutant.row))
def test_a_check_fails_on_its_own_broken_plugin_alone(mutant):
    assert failed(findings(mutant, slow=False)).keys() == {mutant.check}


@pytest.mark.slow
@pytest.mark.parametrize("mutant", LONG, ids=lambda mutant: "-".join(mutant.row))
def test_so_do_the_checks_that_take_long(mutant):
    assert failed(findings(mutant, slow=True)).keys() == {mutant.check}


def test_every_check_has_a_broken_plugin():
    rows = Counter(mutant.row for mutant in MUTANTS)
    assert rows.keys() | INSTALLED == {(of, check.name) for of, check in every_check()}
    assert set(rows.values()) == {1}


def test_every_kind_has_checks_and_every_check_says_what_it_demands():
    assert OF_KINDS.keys() == KINDS.keys()
    for of, check in every_check():
        assert check.demand.endswith("."), f"{of}: {check.name}"
    names = Counter((of, check.name) for of, check in every_check())
    assert set(names.values()) == {1}
