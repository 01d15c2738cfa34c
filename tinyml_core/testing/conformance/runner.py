"""Checks of runners: a machine that holds memory, calls functions and says what they cost."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tinyml_core.api.runner import Device, Measurement, Runner
from tinyml_core.errors import DeviceFault, InputError
from tinyml_core.testing.conformance.check import Check, refusal, require
from tinyml_core.testing.conformance.samples.machine import machine_for
from tinyml_core.testing.conformance.subject import Subject

PROGRAM = """\
#include <stdint.h>
volatile int32_t kit_cell = 40;
uint8_t kit_bytes[64];
int kit_add(int left, int right);
int kit_sum(int count, int unused);
int kit_crash(int unused, int unused2);
int kit_add(int left, int right) { return left + right + (int)kit_cell; }
int kit_sum(int count, int unused)
{
    int total = unused;
    for (int i = 0; i < count; i++) total += kit_bytes[i] + (int)kit_cell;
    return total;
}
int kit_crash(int unused, int unused2)
{
    return *(volatile int *)(uintptr_t)(0xF0000000u + (unsigned)(unused + unused2));
}
int (*volatile kit_functions[3])(int, int) = {kit_add, kit_sum, kit_crash};
int main(void) { return kit_functions[0](1, 1) + kit_functions[1](1, 0) + kit_functions[2](0, 0); }
"""


def functions_are_called(subject: Subject) -> None:
    """A function gets its arguments and its result comes back; static data has its first value."""
    device = _loaded(subject)
    result, _ = device.call("kit_add", [2, 3])
    require(result == 45, f"2 + 3 + 40 is {result}")


def memory_is_shared(subject: Subject) -> None:
    """What is written can be read back and is what functions see."""
    device = _loaded(subject)
    place, content = device.address("kit_bytes"), bytes(range(1, 65))
    device.write(place, content)
    require(device.read(place, 64) == content, "memory reads other bytes than were written")
    result, _ = device.call("kit_sum", [64, 0])
    require(result == sum(content) + 64 * 40, f"a sum of what was written is {result}")


def loading_resets_the_machine(subject: Subject) -> None:
    """A binary that is loaded again starts as it did the first time."""
    with tempfile.TemporaryDirectory() as folder:
        runner = subject.make(Runner)
        machine = machine_for(subject, runner=runner)
        device = machine.load({"program.c": PROGRAM}, Path(folder))
        device.write(device.address("kit_cell"), bytes([1, 0, 0, 0]))
        again = runner.load(Path(folder, "program.elf"), machine.profile)
        result, _ = again.call("kit_add", [0, 0])
    require(result == 40, f"a static of 40 that was overwritten is {result} after loading")


def what_it_measures_is_plausible(subject: Subject) -> None:
    """More work is more instructions and cycles, bounds hold the estimate, and equal calls cost the same."""
    device = _loaded(subject)
    little, much, again = (_measured(device, count) for count in (4, 64, 64))
    require(0 < little.instructions < much.instructions, f"4 and 64 rounds: {little.instructions}, {much.instructions}")
    require(little.cycles.core < much.cycles.core, f"4 and 64 rounds: {little.cycles.core}, {much.cycles.core} cycles")
    cycles = much.cycles
    require(0 < cycles.low <= cycles.core <= cycles.high, f"cycles are {cycles.low}, {cycles.core}, {cycles.high}")
    require(much.stack_bytes >= 0, f"the stack is {much.stack_bytes} bytes")
    require(much == again, "equal calls cost differently")


def faults_are_named(subject: Subject) -> None:
    """An unknown symbol is an InputError, and access outside memory a DeviceFault."""
    device = _loaded(subject)
    unknown = refusal(lambda: device.address("kit_enigma"), "an unknown symbol")
    require(isinstance(unknown, InputError), f"an unknown symbol raised {type(unknown).__name__}")
    fault = refusal(lambda: device.call("kit_crash", [0, 0]), "reading outside memory")
    require(isinstance(fault, DeviceFault), f"reading outside memory raised {type(fault).__name__}")


def _loaded(subject: Subject) -> Device:
    with tempfile.TemporaryDirectory() as folder:
        machine = machine_for(subject, runner=subject.make(Runner))
        return machine.load({"program.c": PROGRAM}, Path(folder))


def _measured(device: Device, count: int) -> Measurement:
    device.write(device.address("kit_bytes"), bytes(64))
    _, measurement = device.call("kit_sum", [count, 0], profile=True)
    require(measurement is not None, "it measures nothing though it was asked to")
    assert measurement is not None
    return measurement


CHECKS = (
    Check(functions_are_called, slow=True),
    Check(memory_is_shared, slow=True),
    Check(loading_resets_the_machine, slow=True),
    Check(what_it_measures_is_plausible, slow=True),
    Check(faults_are_named, slow=True),
)
"""Those of a runner."""
