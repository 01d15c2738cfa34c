"""`tinyml doctor`: each thing that is wrong is named, with a remedy; exit 1 only where the platform needs it."""

from __future__ import annotations

import json

import importlib_metadata
import pytest
from click.testing import CliRunner

from tinyml_core.api.toolchain import Binary
from tinyml_core.cli import tinyml
from tinyml_core.component import Component
from tinyml_core.errors import ToolchainError
from tinyml_core.hardware.profile import HardwareProfile, MemoryRegion
from tinyml_core.hookspecs import hookimpl
from tinyml_core.pipeline import diagnosis
from tinyml_core.pipeline.diagnosis import CHECKS, Verdict, diagnose
from tinyml_core.pipeline.trial_program import try_runners, try_toolchains
from tinyml_core.platform import Platform

LOOKS = {check.name: check.look for check in CHECKS}
WITHOUT_TORCH = ("training", "learning", "tinynas", "costs", "datasets", "quantize", "report", "importers")


def look(name, platform=None):
    return {finding.subject: finding for finding in LOOKS[name](platform or Platform(discover=False))}


def plugin(**components):
    """A plugin object whose hooks return ``components``."""

    def hook(name):
        def implementation(self):
            return components[name]

        implementation.__name__ = name
        return hookimpl(implementation)

    return type("Plugin", (), {name: hook(name) for name in components})()


class MissingCompiler:
    def missing(self):
        return "there is no compiler; install one"

    def build(self, sources, binary, profile, *, region, stack):
        raise AssertionError("must not be asked")


class BrokenCompiler(MissingCompiler):
    def missing(self):
        return None

    def build(self, sources, binary, profile, *, region, stack):
        raise ToolchainError("gives up", remedy="mend it")


class LyingMachine:
    """A machine on which every function returns 7."""

    def load(self, binary, profile):
        return self

    def address(self, symbol):
        return 0

    def write(self, address, data):
        pass

    def read(self, address, size):
        return b""

    def call(self, symbol, arguments, *, profile=False, layers=()):
        return 7, None


class PretendedCompiler(MissingCompiler):
    def missing(self):
        return None

    def build(self, sources, binary, profile, *, region, stack):
        return Binary(binary, 1, 1, 1, "pretended 1.0")


def part():
    regions = (MemoryRegion("FLASH", "flash", 0, 1000), MemoryRegion("SRAM", "sram", 0x2000_0000, 1000))
    return HardwareProfile(
        name="part", title="Part", vendor="v", core="c", features=frozenset(), clock_hz=1, regions=regions, sources={}
    )


PARTS = [Component("part", part, "a part")]


def machine(compiler=None, runner=None):
    found = {"tinyml_hardware_profiles": PARTS}
    found |= {"tinyml_toolchains": [Component("cc", compiler, "a compiler")]} if compiler else {}
    found |= {"tinyml_runners": [Component("machine", runner, "a machine")]} if runner else {}
    return Platform(plugins=[plugin(**found)], discover=False)


@pytest.mark.parametrize(
    ("compiler", "message", "remedy"),
    [(MissingCompiler, "there is no compiler", "install one"), (BrokenCompiler, "gives up", "mend it"),
     (PretendedCompiler, "pretended 1.0, builds for part", "")],
)  # fmt: skip
def test_a_compiler_is_used_not_only_looked_for(compiler, message, remedy):
    (trial,) = try_toolchains(machine(compiler))
    assert (trial.message, trial.remedy) == (message, remedy)


@pytest.mark.parametrize(
    ("compiler", "message"),
    [(BrokenCompiler, "no compiler works"), (PretendedCompiler, "computes 7 where 42 is right")],
)
def test_an_emulator_has_to_compute(compiler, message):
    (trial,) = try_runners(machine(compiler, LyingMachine))
    assert message in trial.message
    assert trial.remedy


def test_the_tools_of_this_machine_work():
    """Those of the plugin ``simulator``, where the emulator is installed."""
    pytest.importorskip("unicorn", reason="the emulator is an extra: pip install tinyml-core[sim]")
    platform = Platform(disable=WITHOUT_TORCH)
    assert "" in [trial.remedy for trial in try_toolchains(platform)]
    trials = {trial.name: trial for trial in try_runners(platform)}
    assert trials["unicorn"].remedy == ""


def test_one_compiler_is_enough(monkeypatch):
    both = {"tinyml_hardware_profiles": PARTS, "tinyml_toolchains": [
        Component("absent", MissingCompiler, "not there"), Component("present", PretendedCompiler, "there"),
    ]}  # fmt: skip
    monkeypatch.setattr(diagnosis, "CHECKS", [check for check in CHECKS if check.name == "compilers"])
    verdicts = {each.subject: each.verdict for each in diagnose(Platform(plugins=[plugin(**both)], discover=False))}
    assert verdicts == {"absent": Verdict.WARN, "present": Verdict.OK}
    (alone,) = diagnose(machine(MissingCompiler))
    assert (alone.verdict, alone.remedy) == (Verdict.FAIL, "install one")


def test_broken_plugins_are_named_with_the_cause():
    broken = plugin(tinyml_toolchains=[Component("cc", "no_such_module_of_anybody:Compiler", "not there")])
    extra = plugin(tinyml_runners=[Component("m", "no_such_module_of_anybody:M", "not there", extra="sim")])
    (first,) = look("plugins", Platform(plugins=[broken], discover=False)).values()
    assert first.verdict is Verdict.WARN  # not the platform's own
    assert "no_such_module_of_anybody" in first.message
    assert "tinyml plugins show" in first.remedy
    (second,) = look("plugins", Platform(plugins=[extra], discover=False)).values()
    assert "[sim]" in second.remedy


def test_bundled_plugins_that_are_broken_fail(monkeypatch):
    from tinyml_plugins.projects import hooks

    gone = [Component("arduino", "tinyml_plugins.projects.nothing:Writer", "gone")]
    monkeypatch.setattr(hooks, "tinyml_project_writers", hookimpl(lambda: gone, specname="tinyml_project_writers"))
    found = look("plugins", Platform(disable=[*WITHOUT_TORCH, "tinyengine", "simulator", "passes", "executors"]))
    assert found["projects"].verdict is Verdict.FAIL
    assert found["hardware"].verdict is Verdict.OK
    assert "left out" in found["training"].message


def test_packages_absent_and_too_old_are_told_apart(monkeypatch):
    real = importlib_metadata.version

    def version(name):
        if name in ("numpy", "torch"):
            raise importlib_metadata.PackageNotFoundError(name)
        return "0.1" if name == "click" else real(name)

    monkeypatch.setattr(importlib_metadata, "version", version)
    found = look("packages")
    assert (found["numpy"].verdict, found["numpy"].remedy) == (Verdict.FAIL, "pip install 'numpy>=1.26'")
    assert found["click"].verdict is Verdict.FAIL
    assert (found["torch"].verdict, found["torch"].remedy) == (Verdict.WARN, "pip install 'tinyml-core[train]'")
    assert found["rich"].message == real("rich")
    assert "pytest" not in found


def test_a_cache_that_cannot_be_written_fails(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    found = look("folders")["cache"]
    assert found.verdict is Verdict.FAIL
    assert "XDG_CACHE_HOME" in found.remedy
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "tinyml-core").mkdir()
    (tmp_path / "tinyml-core" / "x").write_bytes(b"12345")
    assert "holds 5 B" in look("folders")["cache"].message


@pytest.mark.parametrize(("compiler", "code"), [(PretendedCompiler, 0), (MissingCompiler, 1)])
def test_the_command_exits_1_where_something_needed_fails(compiler, code, monkeypatch):
    monkeypatch.setattr(diagnosis, "CHECKS", [check for check in CHECKS if check.name in ("compilers", "folders")])
    monkeypatch.setattr("tinyml_core.cli.options.Platform", lambda **_: machine(compiler))
    done = CliRunner().invoke(tinyml, ["doctor", "--json"])
    assert done.exit_code == code
    told = json.loads(done.stdout)
    assert told["ok"] == (code == 0)
    assert sum(told["counts"].values()) == len(told["findings"]) == 3
    assert all(row["remedy"] for row in told["findings"] if row["verdict"] == "fail")
    lines = CliRunner().invoke(tinyml, ["doctor"]).stdout.splitlines()
    assert len(lines) == 1 + 3 + 1
