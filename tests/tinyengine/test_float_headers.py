"""``tinyml_float.h`` and the headers on top of it against their twins in NumPy: every bit of a million inputs."""

from __future__ import annotations

import ctypes
import subprocess

import numpy as np
import pytest

from tinyml_core.api.runner import Runner
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.arithmetic.elementary import FUNCTIONS
from tinyml_core.arithmetic.reference.pointwise import BINARY
from tinyml_core.graph import DType
from tinyml_core.platform import Platform
from tinyml_plugins.tinyengine.generator import SHARED
from tinyml_plugins.tinyengine.rendering import render

F = np.float32
PARAMETERS = (0.7, 0.3)
TWO = ("modulo", "power", "remainder")
ONE = tuple(name for name in FUNCTIONS if name != "reciprocal")


def _source() -> str:
    """One function over arrays for each of the header's."""
    text = '#include "tinyml_pointwise.h"\n'
    for name in ONE:
        parameters = "".join(f", {value}f" for value in PARAMETERS[: FUNCTIONS[name][1]])
        text += _loop(f"run_{name}", f"tinyml_{name}(x[i]{parameters})")
    return text + "".join(_loop(f"run_{name}", f"tinyml_{name}(x[i], y[i])") for name in TWO)


def _loop(name: str, expression: str) -> str:
    head = f"int {name}(const float *x, const float *y, float *z, uint32_t n)"
    return (
        f"{head};\n{head}\n{{\n(void)y;\nfor (uint32_t i = 0; i < n; ++i) {{ z[i] = {expression}; }}\nreturn 0;\n}}\n"
    )


def _points(count: int) -> np.ndarray:
    """Random bits, every magnitude, and the ends of the line."""
    rng = np.random.default_rng(7)
    bits = rng.integers(0, 1 << 32, count // 2, dtype=np.uint32).view(F)
    magnitudes = (rng.normal(size=count // 2) * 10.0 ** rng.uniform(-8, 3, count // 2)).astype(F)
    ends = np.array([0, 1, 0.5, 1.5, 2.5, 0.625, 0.93, 4, 20, 80, 87, 89, np.inf, np.nan, 1e-45, 2.0**-126, 3.4e38], F)
    halves = np.arange(0, 40, 0.5, dtype=F)
    return np.concatenate([bits, magnitudes, ends, -ends, halves, -halves])


def _expected(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        if name in TWO:
            return BINARY[DType.FLOAT32][name](x, y)
        function, count = FUNCTIONS[name]
        return function(x, *(F(value) for value in PARAMETERS[:count]))


def _differing(found: np.ndarray, expected: np.ndarray) -> int:
    assert expected.dtype == F
    same = (found.view(np.uint32) == expected.view(np.uint32)) | (np.isnan(found) & np.isnan(expected))
    return int((~same).sum())


def _write(folder):
    for name in SHARED:
        (folder / name).write_text(render(name), encoding="ascii")
    (folder / "functions.c").write_text(_source())
    return folder / "functions.c"


@pytest.mark.parametrize("level", ["-O3", "-O0"])
def test_every_bit_on_the_host(level, host_compiler, strict_flags, tmp_path):
    source, library = _write(tmp_path), tmp_path / "functions.so"
    flags = [*strict_flags, level, "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([host_compiler, *flags, str(source), "-o", str(library)], check=True)
    functions = ctypes.CDLL(str(library))
    x = _points(1_000_000 if level == "-O3" else 100_000)
    y = np.random.default_rng(8).permutation(x)
    wrong = {}
    for name in (*ONE, *TWO):
        z = np.empty_like(x)
        pointers = (array.ctypes.data_as(ctypes.c_void_p) for array in (x, y, z))
        getattr(functions, f"run_{name}")(*pointers, ctypes.c_uint32(x.size))
        wrong[name] = _differing(z, _expected(name, x, y))
    assert {name: count for name, count in wrong.items() if count} == {}


@pytest.mark.parametrize(("toolchain", "core"), [("zig", "cortex-m4"), ("gcc", "cortex-m7"), ("zig", "cortex-m0plus")])
def test_every_bit_on_the_core(toolchain, core, make_profile, tmp_path):
    pytest.importorskip("unicorn", reason="the emulator is an extra: pip install tinyml-core[sim]")
    platform = Platform()
    compiler = platform.create(Toolchain, toolchain, {"warnings_as_errors": True})
    if (reason := compiler.missing()) is not None:
        pytest.skip(reason)
    x = _points(2_000)
    y = np.random.default_rng(8).permutation(x)
    source = _write(tmp_path)
    main = tmp_path / "main.c"
    table = ", ".join(f"run_{name}" for name in (*ONE, *TWO))
    main.write_text(
        f'#include "{source.name}"\nfloat x[{x.size}], y[{x.size}], z[{x.size}];\n'
        f"int (*const functions[])(const float *, const float *, float *, uint32_t) = {{{table}}};\n"
        "int run(int which);\n"
        f"__attribute__((noinline)) int run(int which) {{ return functions[which](x, y, z, {x.size}u); }}\n"
        "int main(void) { return run(0); }\n"
    )
    binary, profile = tmp_path / "functions.elf", make_profile(core)
    compiler.build([main], binary, profile, region="sram", stack=8192)
    device = platform.create(Runner, "unicorn").load(binary, profile)
    device.write(device.address("x"), x.tobytes())
    device.write(device.address("y"), y.tobytes())
    wrong = {}
    for index, name in enumerate((*ONE, *TWO)):
        status, _ = device.call("run", [index])
        assert status == 0
        found = np.frombuffer(device.read(device.address("z"), x.nbytes), F)
        wrong[name] = _differing(found, _expected(name, x, y))
    assert {name: count for name, count in wrong.items() if count} == {}
