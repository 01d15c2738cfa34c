"""A machine to try generated C on: a hardware profile with a toolchain and a runner that know its core.

What a profile names as its tools is tried first, then what comes with the plugin under test, then what is installed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tinyml_core.api.runner import Device, Runner
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.errors import TinyMLError, ToolchainError, UnsupportedError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.platform import Platform
from tinyml_core.testing.conformance.check import NotApplicable
from tinyml_core.testing.conformance.subject import Subject

STACK = 8192
"""Bytes kept for the stack of what is built."""
PROBE = """\
#include <stdint.h>
volatile int32_t kit_cell = 40;
int kit_add(int left, int right);
int kit_add(int left, int right) { return left + right + (int)kit_cell; }
int (*volatile kit_function)(int, int) = kit_add;
int main(void) { return kit_function(1, 1); }
"""
"""The smallest program that tells whether a machine works: ``kit_add(a, b)`` is a + b + 40.

It is called through a pointer, for a linker that collects garbage drops a function that was inlined.
"""


@dataclass(frozen=True)
class Machine:
    """A profile, and what compiles and executes for it."""

    profile: HardwareProfile
    toolchain: Toolchain
    runner: Runner

    def load(self, sources: dict[str, str], folder: Path) -> Device:
        """Build sources, name to text (headers among them), and load the binary.

        Raises:
            TinyMLError: the toolchain or the runner refuses.
        """
        binary = folder / "program.elf"
        region = self.profile.largest("sram").name
        self.toolchain.build(written(sources, folder), binary, self.profile, region=region, stack=STACK)
        return self.runner.load(binary, self.profile)


def written(sources: dict[str, str], folder: Path) -> list[Path]:
    """Write sources into a folder; the paths of those to compile."""
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in sources if name.endswith(".c")]


def machine_for(
    subject: Subject,
    suits: Callable[[HardwareProfile], bool] = lambda profile: True,
    *,
    toolchain: Toolchain | None = None,
    runner: Runner | None = None,
) -> Machine:
    """The first machine that works and whose profile ``suits``; ``toolchain`` and ``runner`` where they are given.

    Raises:
        NotApplicable: there is none; the text says what was in the way.
    """
    hindrance = "no hardware profile suits"
    for profile in filter(suits, profiles(subject)):
        for compiler in [toolchain] if toolchain else _toolchains(subject, profile):
            runners = [runner] if runner else _made(subject, Runner, "runner", profile.tools.runner)
            for machine in (Machine(profile, compiler, each) for each in runners):
                try:
                    with tempfile.TemporaryDirectory() as folder:
                        machine.load({"probe.c": PROBE}, Path(folder)).call("kit_add", [1, 1])
                except (UnsupportedError, ToolchainError) as error:
                    hindrance = str(error)
                else:
                    return machine
    raise NotApplicable(f"no machine to try it on: {hindrance}")


def profiles(subject: Subject) -> Iterator[HardwareProfile]:
    """The target the subject names, or one profile of each core: those that name the subject, those of its plugin."""
    if subject.target:
        yield subject.platform.target(subject.target)
        return
    known = _profiles(subject.platform)
    ordered = [known[name] for name in _own_first(subject, HardwareProfile, "hardware-profile") if name in known]
    seen = set()
    for profile in sorted(ordered, key=lambda each: subject.component.name not in astuple(each.tools)):
        if (profile.core, profile.features) not in seen:
            seen.add((profile.core, profile.features))
            yield profile


@lru_cache(maxsize=1)
def _profiles(platform: Platform) -> dict[str, HardwareProfile]:
    """Every usable hardware profile by each name it can be asked for; reading those files takes its time."""
    names = {*platform.names(HardwareProfile)}
    for record in platform.describe():
        offers = [offer for offer in record.contributions if offer.kind == "hardware-profile"]
        names |= {f"{record.name}:{offer.component.name}" for offer in offers}
    known = {}
    for name in names:
        with suppress(TinyMLError):  # another plugin's fault, which its own checks tell
            known[name] = platform.create(HardwareProfile, name)
    return known


def _toolchains(subject: Subject, profile: HardwareProfile) -> Iterator[Toolchain]:
    for toolchain in _made(subject, Toolchain, "toolchain", profile.tools.toolchain or "zig"):
        if toolchain.missing() is None:
            yield toolchain


def _made(subject: Subject, protocol: type[Any], kind: str, preferred: str) -> Iterator[Any]:
    for name in sorted(_own_first(subject, protocol, kind), key=lambda name: name != preferred):
        with suppress(TinyMLError):  # an extra that is not installed, or another plugin's fault
            yield subject.platform.create(protocol, name)


def _own_first(subject: Subject, protocol: type[Any], kind: str) -> list[str]:
    own = {
        f"{subject.plugin.name}:{offer.component.name}" for offer in subject.plugin.contributions if offer.kind == kind
    }
    plain = {name.rpartition(":")[2] for name in own}
    others = [name for name in subject.platform.names(protocol) if name.rpartition(":")[2] not in plain]
    return sorted(own) + sorted(others)
