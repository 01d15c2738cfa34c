"""A trial program: the smallest that shows whether a compiler compiles and an emulator executes.

A compiler that is installed may still not work (no C library, no cache to write to), so each is used.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinyml_core.api.runner import Runner
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.errors import TinyMLError, ToolchainError, UnsupportedError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.provenance import in_one_line

if TYPE_CHECKING:
    from tinyml_core.platform import Platform

_log = logging.getLogger(__name__)

QUESTION, ANSWER = 40, 42
STACK = 1024
BINARY = "trial.elf"
_SOURCE = """\
unsigned char trial_memory[16];

int trial_answer(void *memory);

int trial_answer(void *memory)
{
    return ((unsigned char *)memory)[0] + 2;
}

int (*volatile trial)(void *memory) = trial_answer; /* so that no linker drops the function */

int main(void)
{
    return trial(trial_memory);
}
"""


@dataclass(frozen=True)
class Trial:
    """What came of using a component; a ``remedy`` where it does not work."""

    name: str
    message: str
    remedy: str = ""


def try_toolchains(platform: Platform) -> Iterator[Trial]:
    """Each toolchain builds the program for the first target it knows."""
    profiles = _profiles(platform)
    for name in platform.names(Toolchain):
        with tempfile.TemporaryDirectory(prefix="tinyml-doctor-") as folder:
            try:
                toolchain = platform.create(Toolchain, name)
                if (reason := toolchain.missing()) is not None:
                    problem, _, remedy = reason.partition("; ")
                    yield Trial(name, problem, remedy or "see docs/getting-started.md")
                    continue
                suited = [each for each in profiles if each.tools.toolchain in (None, name)]
                binary, profile = _built(name, toolchain, suited, Path(folder))
                yield Trial(name, f"{binary}, builds for {profile.name}")
            except (Exception, SystemExit) as error:  # plugin code may raise anything
                yield _failed("toolchain", name, error, platform)


def try_runners(platform: Platform) -> Iterator[Trial]:
    """Each runner executes the program for the first target it knows, built by a toolchain that works."""
    profiles = _profiles(platform)
    for name in platform.names(Runner):
        own = [each for each in profiles if each.tools.runner == name] or profiles
        try:
            yield _ran(name, own, platform)
        except (Exception, SystemExit) as error:  # plugin code may raise anything
            yield _failed("runner", name, error, platform)


def _ran(name: str, profiles: list[HardwareProfile], platform: Platform) -> Trial:
    runner, refusal = platform.create(Runner, name), UnsupportedError("no target is known", remedy="install a plugin")
    for profile in profiles:
        with tempfile.TemporaryDirectory(prefix="tinyml-doctor-") as folder:
            _build_somehow(profile, Path(folder), platform)
            try:
                device = runner.load(Path(folder) / BINARY, profile)
            except UnsupportedError as error:
                refusal = error
                continue
            memory = device.address("trial_memory")
            device.write(memory, bytes([QUESTION]))
            answer, _ = device.call("trial_answer", [memory])
            if answer != ANSWER:
                return Trial(name, f"computes {answer} where {ANSWER} is right", "install it again")
            return Trial(name, f"executes a program for {profile.name}")
    raise refusal


def _build_somehow(profile: HardwareProfile, folder: Path, platform: Platform) -> None:
    """Build by the first toolchain that can; raises ToolchainError when none does."""
    for name in [profile.tools.toolchain] if profile.tools.toolchain else platform.names(Toolchain):
        try:
            _built(name, platform.create(Toolchain, name), [profile], folder)
        except (Exception, SystemExit) as error:  # plugin code may raise anything
            _log.info("toolchain %r: %s", name, in_one_line(error))
        else:
            return
    raise ToolchainError("has no program to execute, because no compiler works", remedy="see the compilers above")


def _built(
    name: str, toolchain: Toolchain, profiles: list[HardwareProfile], folder: Path
) -> tuple[str, HardwareProfile]:
    """Build for the first profile that the toolchain knows; the compiler's version and the profile."""
    source = folder / "trial.c"
    source.write_text(_SOURCE, encoding="ascii")
    refusal = UnsupportedError("no target is known", place=f"toolchain {name}", remedy="install a plugin with targets")
    for profile in profiles:
        try:
            binary = toolchain.build(
                [source], folder / BINARY, profile, region=profile.largest("sram").name, stack=STACK
            )
            return binary.compiler, profile
        except UnsupportedError as error:
            refusal = error
    raise refusal


def _failed(kind: str, name: str, error: BaseException, platform: Platform) -> Trial:
    if isinstance(error, TinyMLError):
        return Trial(name, error.problem, error.remedy or "install it again")
    claim = platform.registry.find(kind, name)
    extra = claim.component.extra
    if isinstance(error, ModuleNotFoundError) and extra:
        return Trial(name, in_one_line(error), f"pip install '{claim.plugin.distribution}[{extra}]'")
    return Trial(name, in_one_line(error), f"type `tinyml plugins show {claim.plugin.name}`")


def _profiles(platform: Platform) -> list[HardwareProfile]:
    """Every target whose profile can be made; a bad one is its plugin's problem, which is told there."""
    found = []
    for name in platform.names(HardwareProfile):
        try:
            found.append(platform.create(HardwareProfile, name))
        except TinyMLError as error:
            _log.info("target %r is left out: %s", name, in_one_line(error))
    return found
