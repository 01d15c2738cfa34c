"""The platform's own checks of everything that the distribution brings."""

from __future__ import annotations

from tinyml_core.testing.conformance import (
    CodeGeneratorConformance,
    HardwareConformance,
    RunnerConformance,
    ToolchainConformance,
)


class TestPart(HardwareConformance):
    component = "esp32c3:esp32c3"


class TestGenerator(CodeGeneratorConformance):
    component = "esp32c3:portable-c"
    target = "esp32c3"
    graphs = 8


class TestToolchain(ToolchainConformance):
    component = "esp32c3:zig-riscv32"


class TestRunner(RunnerConformance):
    component = "esp32c3:unicorn-riscv32"
