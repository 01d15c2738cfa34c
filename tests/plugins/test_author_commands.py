"""``tinyml plugins check`` and ``freeze``, and the trace of hook calls, in processes of their own."""

from __future__ import annotations

import json

import pytest

SOUND = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Counted:
    quantities = ("macs",)

    def estimate(self, graph, profile, platform):
        from tinyml_core.api.cost_model import Cost
        return (Cost("macs", graph.macs, "{unit}", "exact", graph.macs, graph.macs),)

@hookimpl
def tinyml_cost_models():
    return [Component("counted", Counted, "multiply-accumulates")]

@hookimpl
def tinyml_event(event):
    pass
"""
NAME, RANGE = "acme-costs", ("tinyml-core>=0.1,<0.2",)


@pytest.fixture(scope="module")
def sites(make_site, install_plugin):
    """The same plugin twice: a sound one, and one in a wrong unit."""
    found = {}
    for what, unit in (("sound", "1"), ("broken", "furlong")):
        found[what] = make_site(f"author-{what}")
        install_plugin(found[what], NAME, SOUND.replace("{unit}", unit), requires=RANGE)
    return found


def test_a_sound_plugin_passes(sites):
    done = sites["sound"].tinyml("plugins", "check", NAME)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in [word for line in done.stdout.splitlines()[:-2] for word in line.split()]
    last = done.stdout.splitlines()[-1].split()
    assert last[:3] == [NAME, NAME, "1.0"]
    assert last[4] == "0"


def test_a_broken_one_exits_with_1_and_says_what_it_did(sites):
    done = sites["broken"].tinyml("plugins", "check", NAME, "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["failed"] == 1
    (plugin,) = report["plugins"]
    (failed,) = [row for row in plugin["checks"] if row["outcome"] == "failed"]
    assert (failed["kind"], failed["component"]) == ("cost-model", "counted")
    assert failed["check"] == "units-are-those-of-the-quantities"
    assert failed["detail"] == "macs is in 'furlong', not 1"
    assert failed["demands"]


def test_a_plugin_that_does_not_load_fails_and_an_unknown_one_is_an_error(make_site, install_plugin):
    site = make_site("author-absent")
    install_plugin(site, "acme-absent", "import enigma", requires=RANGE)
    done = site.tinyml("plugins", "check", "acme-absent", "--json")
    assert done.returncode == 1
    rows = json.loads(done.stdout)["plugins"][0]["checks"]
    assert (rows[0]["check"], rows[0]["outcome"]) == ("loads", "failed")
    assert {row["outcome"] for row in rows[1:]} == {"skipped"}
    unknown = site.tinyml("plugins", "check", "acme-absant")
    assert unknown.returncode == 2
    assert "did you mean 'acme-absent'?" in unknown.stderr


def test_freeze_pins_what_brings_plugins(sites):
    done = sites["sound"].tinyml("plugins", "freeze", "--json")
    requirements = {row["name"]: row["version"] for row in json.loads(done.stdout)["requirements"]}
    assert requirements == {NAME: "1.0", "tinyml-core": requirements["tinyml-core"]}
    lines = sites["sound"].tinyml("plugins", "freeze").stdout.splitlines()
    assert lines[0] == f"{NAME}==1.0"


def test_trace_hooks_prints_each_call_with_its_result(sites):
    done = sites["sound"].tinyml("plugins", "list", "--trace-hooks", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["plugins"]
    assert f"Debug: hook tinyml_cost_models of plugin '{NAME}' returned counted" in done.stderr.splitlines()
    assert "Debug" not in sites["sound"].tinyml("plugins", "list", "--json").stderr
