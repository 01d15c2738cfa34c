"""Compiling: what both toolchains share, from the command line to the sizes of the linked binary."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tinyml_core.api.toolchain import Binary
from tinyml_core.errors import CapacityError, InputError, ToolchainError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_plugins.simulator.elf import section_sizes
from tinyml_plugins.simulator.firmware import LINKER_SCRIPT, STARTUP, link_name, linker_script, startup_source
from tinyml_plugins.simulator.stack_bound import stack_bounds

COMPILE_FLAGS = (
    "-std=c99",
    "-ffp-contract=off",  # a*b+c rounds twice on every compiler and in NumPy
    "-g0",
    "-fomit-frame-pointer",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
)
LINK_FLAGS = ("-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,-e,Reset_Handler")

_OPTIMISATION = re.compile(r"-O([0-3sgz]|fast)")
_LLD_OVERFLOW = re.compile(r"will not fit in region '([^']+)': overflowed by (\d+) bytes")
_GNU_OVERFLOW = re.compile(r"region `([^']+)' overflowed by (\d+) bytes")
_ERROR = re.compile(r"\berror:|undefined reference|multiple definition|cannot find|No such file", re.IGNORECASE)


def run_compiler(command: Sequence[str], environment: Mapping[str, str], timeout: float) -> tuple[int, str]:
    """Exit status and output (both streams) of a compiler, which is killed with its children after ``timeout`` seconds.

    Raises:
        ToolchainError: it ran past the time limit.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment, "LC_ALL": "C"},
        start_new_session=True,  # a compiler driver has children, and they must die with it
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise ToolchainError(
            f"the compiler did not finish in {timeout:g} s", place=Path(command[0]).name, remedy="raise timeout_seconds"
        ) from None
    except BaseException:
        _kill(process)
        raise
    return process.returncode, output.decode(errors="replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


def build(
    command: Sequence[str],
    sources: Sequence[Path],
    binary: Path,
    profile: HardwareProfile,
    *,
    region: str,
    stack: int,
    optimisation: str,
    warnings_as_errors: bool,
    libraries: Sequence[str],
    environment: Mapping[str, str],
    timeout: float,
    compiler: str,
) -> Binary:
    """Compile and link with ``command``, a compiler with its target flags; see :class:`Toolchain` for the rest.

    Writes the linker script and the start-up code beside ``binary``; ``binary`` itself appears only when complete.

    Raises:
        CapacityError: a region overflows.
        ToolchainError: the compiler refused a source or ran past the time limit.
        InputError: an option or the region is not usable.
    """
    if not _OPTIMISATION.fullmatch(optimisation):
        raise InputError(f"unknown optimisation {optimisation!r}", remedy="choose one of -O1, -O2, -O3, -Os, -Oz")
    folder = binary.parent
    folder.mkdir(parents=True, exist_ok=True)
    script, startup, partial = folder / LINKER_SCRIPT, folder / STARTUP, folder / f".{binary.name}.{os.getpid()}"
    script.write_text(linker_script(profile, region, stack), encoding="ascii")
    startup.write_text(startup_source(profile), encoding="ascii")
    line = [*command, optimisation, *COMPILE_FLAGS, *(["-Werror"] if warnings_as_errors else []), *LINK_FLAGS]
    line += ["-T", str(script), *(str(source) for source in (startup, *sources)), *libraries, "-o", str(partial)]
    try:
        status, output = run_compiler(line, environment, timeout)
        if status != 0 or not partial.exists():
            raise _refusal(output, profile, compiler)
        os.replace(partial, binary)
    finally:
        partial.unlink(missing_ok=True)
    sizes = section_sizes(binary)
    return Binary(binary, sizes.code, sizes.constants, sizes.static, compiler, stack_bounds(binary))


def _refusal(output: str, profile: HardwareProfile, compiler: str) -> CapacityError | ToolchainError:
    """What the compiler's output means, as an error."""
    regions = {link_name(region): region for region in profile.regions}
    overflows: dict[str, int] = {}
    for pattern in (_LLD_OVERFLOW, _GNU_OVERFLOW):
        for name, amount in pattern.findall(output):  # lld tells of every section, the last overflow is the whole
            overflows[name] = max(overflows.get(name, 0), int(amount))
    if overflows:
        told = "; ".join(
            f"region {regions[name].name} ({regions[name].size} bytes) overflows by {amount} bytes"
            for name, amount in overflows.items()
            if name in regions
        )
        return CapacityError(told, place=f"target {profile.name}", remedy="choose a smaller network or a larger target")
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    first = next((line for line in lines if _ERROR.search(line)), lines[0] if lines else "no message")
    printable = "".join(character if character.isprintable() else "?" for character in first)
    return ToolchainError(
        printable[:400], place=compiler, remedy="report it with the model, or try another --toolchain"
    )
