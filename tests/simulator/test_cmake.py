"""The folder is a CMake library that a C++ firmware links, and its known-answer test passes there."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import Softmax
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.platform import Platform

PROJECT = """\
cmake_minimum_required(VERSION 3.13)
project(firmware LANGUAGES C CXX)
add_subdirectory(network)
add_executable(firmware main.cpp)
target_link_libraries(firmware PRIVATE speech)
target_compile_options(firmware PRIVATE -Wall -Wextra -Wconversion -Wshadow -Wold-style-cast -Werror)
"""
MAIN = """\
#include "speech.h"

alignas(SPEECH_ARENA_ALIGNMENT) static unsigned char arena[SPEECH_ARENA_BYTES];

int main() { return speech_selftest(arena); }
"""


def test_firmware_in_cpp_links_the_network(tmp_path):
    if missing := [tool for tool in ("cmake", "make", "cc", "c++") if shutil.which(tool) is None]:
        pytest.skip(f"{', '.join(missing)} not on PATH")
    b = GraphBuilder("speech", Rounding.SINGLE)
    b.input("x", (1, 10), DType.INT8, Quantization.per_tensor(0.1, 3))
    graph = b.build([b.node(Softmax(), ["x"], quantization=Quantization.per_tensor(1 / 256, -128))])
    platform = Platform()
    platform.compile(graph, "stm32f446", tmp_path / "network", CompileOptions(prefix="speech"))
    (tmp_path / "CMakeLists.txt").write_text(PROJECT)
    (tmp_path / "main.cpp").write_text(MAIN)
    for command in (["cmake", "-S", ".", "-B", "build"], ["cmake", "--build", "build"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert subprocess.run([str(tmp_path / "build" / "firmware")], check=False).returncode == 0
