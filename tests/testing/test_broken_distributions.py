"""Checks of what only an installed distribution has: each fails on the distribution made to violate it alone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tinyml_core.platform import Platform
from tinyml_core.testing.conformance import every_check
from tinyml_core.testing.conformance.running import check_plugin

HOOKS = """
from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

@hookimpl
def tinyml_passes(){annotation}:
    return [Component("broken-pass", "{package}.work:Nothing", "leaves everything as it is"{more})]
"""
WORK = """
class Nothing:
    after = ()

    def apply(self, graph):
        return graph
"""


@dataclass(frozen=True)
class Distribution:
    """A sound one, or what it is changed into; ``check`` is what it violates."""

    check: str
    requires: str = "tinyml-core>=0.1,<0.2"
    head: str = ""
    annotation: str = ""
    more: str = ""
    tail: str = ""
    readme: str = "# Nothing\n\n```python\nprint('fine')\n```\n"

    @property
    def name(self) -> str:
        return f"broken-{self.check}"


DISTRIBUTIONS = (
    Distribution("loads", head="import enigma"),
    Distribution("hooks-module-is-light", head="import numpy"),
    Distribution("declares-the-core-it-needs", requires="tinyml-core"),
    Distribution("annotations-are-those-of-the-hooks", annotation=" -> 'list[Component[Importer]]'"),
    Distribution(
        "registers-the-same-each-time",
        tail="""
            COUNT = []

            @hookimpl
            def tinyml_passes():
                COUNT.append(1)
                return [Component(f"pass-{len(COUNT)}", "PACKAGE.work:Nothing", "another each time")]
        """,
    ),
    Distribution("examples-of-the-readme-run", readme="# Nothing\n\n```python\nimport enigma\n```\n"),
    Distribution("extra-is-declared", more=", extra='enigma'"),
)


def lay_out(distribution, folder):
    """The distribution as pip leaves it: a package and its metadata."""
    package = distribution.name.replace("-", "_")
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text("")
    (folder / package / "work.py").write_text(WORK)
    hooks = HOOKS.format(annotation=distribution.annotation, package=package, more=distribution.more)
    tail = "\n".join(line.removeprefix(" " * 12) for line in distribution.tail.replace("PACKAGE", package).splitlines())
    (folder / package / "hooks.py").write_text(f"{distribution.head}\n{hooks}\n{tail}\n")
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir()
    fields = f"Metadata-Version: 2.4\nName: {distribution.name}\nVersion: 1.0\nRequires-Dist: {distribution.requires}\n"
    (metadata / "METADATA").write_text(f"{fields}Description-Content-Type: text/markdown\n\n{distribution.readme}")
    (metadata / "entry_points.txt").write_text(f"[tinyml_core]\n{distribution.name} = {package}.hooks\n")


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda distribution: distribution.check)
def test_a_check_fails_on_its_own_broken_distribution_alone(distribution, tmp_path, monkeypatch):
    lay_out(distribution, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    platform = Platform()
    (record,) = [record for record in platform.describe() if record.name == distribution.name]
    found = list(check_plugin(platform, record))
    assert [finding.check.name for finding in found if finding.outcome == "failed"] == [distribution.check]
    assert all(finding.detail for finding in found if finding.outcome != "passed")


def test_every_check_of_plugins_has_a_broken_distribution():
    wanted = {check.name for of, check in every_check() if of == "plugin"} | {"extra-is-declared"}
    assert {distribution.check for distribution in DISTRIBUTIONS} == wanted
