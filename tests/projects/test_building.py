"""Projects build with the compilers of this machine, and what they build answers the known-answer test."""

from __future__ import annotations

import ctypes
import subprocess

import pytest

ZEPHYR = """\
function(zephyr_library_named name)
  add_library(${name} STATIC)
  set(library ${name} PARENT_SCOPE)
endfunction()
macro(zephyr_library_sources)
  target_sources(${library} PRIVATE ${ARGN})
endmacro()
macro(zephyr_include_directories)
  target_include_directories(${library} PUBLIC ${ARGN})
endmacro()
macro(zephyr_library_compile_options)
  target_compile_options(${library} PRIVATE ${ARGN})
endmacro()
set(CONFIG_TINYML_FLOATS y)
"""
IDF = """\
macro(idf_component_register)
  cmake_parse_arguments(ARG "" "" "SRCS;INCLUDE_DIRS" ${ARGN})
  set(COMPONENT_LIB tinyml_floats)
  add_library(tinyml_floats STATIC ${ARG_SRCS})
  target_include_directories(tinyml_floats PUBLIC ${ARG_INCLUDE_DIRS})
endmacro()
"""
CMAKE = {
    "zephyr": (ZEPHYR, "zephyr"),
    "esp-idf": (IDF, "."),
    "stm32cube": ("", "Middlewares/Third_Party/tinyml_floats"),
}
"""What CMake functions of the ecosystem do with sources, and the folder that its build adds."""
CUBE_MAKEFILE = """\
TARGET = firmware
BUILD_DIR = build
OPT = -Og
C_SOURCES = \\
main.c

C_INCLUDES = -I.
include Middlewares/Third_Party/tinyml_model/tinyml_model.mk

CC = {compiler}
CFLAGS += {flags} $(C_INCLUDES) $(OPT) -Wall -Werror -fdata-sections -ffunction-sections

OBJECTS = $(addprefix $(BUILD_DIR)/,$(notdir $(C_SOURCES:.c=.o)))
vpath %.c $(sort $(dir $(C_SOURCES)))

$(BUILD_DIR)/$(TARGET).elf: $(OBJECTS)
\t$(CC) {flags} $(OBJECTS) -specs=nosys.specs -o $@

$(BUILD_DIR)/%.o: %.c | $(BUILD_DIR)
\t$(CC) -c $(CFLAGS) $< -o $@

$(BUILD_DIR):
\tmkdir $@
"""
M7 = ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard")


def run(*command, cwd=None):
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("ecosystem", CMAKE)
def test_cmake_projects_build(ecosystem, write, float_network, program, host_compiler, tmp_path):
    functions, folder = CMAKE[ecosystem]
    cmake = program("cmake")
    added = f"{functions}add_subdirectory({write(ecosystem, float_network) / folder} made)\n"
    (tmp_path / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.13)\nproject(host C)\n{added}")
    run(cmake, "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_C_COMPILER={host_compiler}")
    told = run(cmake, "--build", tmp_path / "build", "--target", "tinyml_floats", "--verbose")
    assert (tmp_path / "build" / "made" / "libtinyml_floats.a").is_file()
    compiled = [line for line in told.splitlines() if " -c " in line]
    assert len(compiled) == 3
    assert all("-ffp-contract=off" in line for line in compiled)


def test_the_makefile_of_cubemx_builds_firmware(write, network, program):
    compiler, make = program("arm-none-eabi-gcc"), program("make")
    folder = write("stm32cube", network)
    (folder / "main.c").write_text('#include "model_check.h"\nint main(void) { return model_check(); }\n')
    (folder / "Makefile").write_text(CUBE_MAKEFILE.format(compiler=compiler, flags=" ".join(M7)))
    told = run(make, cwd=folder)
    compiled = [line for line in told.splitlines() if " -c " in line]
    assert len(compiled) == 4
    assert all(("-ffp-contract=off" in line) == ("main.c" not in line) for line in compiled)


def test_sources_give_no_warning_and_answer_the_known_answer_test(write, network, host_compiler, tmp_path):
    """Flags are those of the Arduino core: the sources carry what else they need."""
    sources = (write("arduino", network) / "src").glob("*.c")
    library = tmp_path / "library.so"
    run(host_compiler, "-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", *sources, "-o", library)
    assert ctypes.CDLL(str(library)).model_check() == 0


def test_headers_and_examples_are_cplusplus(write, network, program, tmp_path):
    compiler, folder = program("g++", "c++"), write("platformio", network)
    (tmp_path / "Arduino.h").write_text(
        "#include <stdint.h>\n"
        "struct Port { void begin(long); void print(const char *); void print(uint32_t); void println(const char *);"
        " operator bool(); };\n"
        "extern Port Serial;\nuint32_t micros();\nuint32_t millis();\n"
    )
    main = folder / "examples" / "selftest" / "main.cpp"
    flags = ("-fsyntax-only", "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}", f"-I{folder / 'src'}")
    run(compiler, *flags, "-include", "model.h", main)


@pytest.mark.parametrize("ecosystem", ["arduino", "cmsis-pack", "stm32cube"])
def test_products_round_before_sums_where_no_flag_says_so(ecosystem, write, float_network, program):
    compiler, folder = program("arm-none-eabi-gcc"), write(ecosystem, float_network)
    (source,) = folder.rglob("floats.c")
    include = source.parent if ecosystem == "arduino" else next(folder.rglob("floats.h")).parent
    flags = (*M7, "-std=gnu11", "-Os", f"-I{include}", "-S", "-o", "-")
    assert "vfma" not in run(compiler, *flags, source)
    bare = source.with_name("bare.c")
    bare.write_text("\n".join(line for line in source.read_text().splitlines() if "#pragma GCC optimize" not in line))
    assert "vfma" in run(compiler, *flags, bare)
