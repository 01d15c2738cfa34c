"""QemuDevice: a binary on a board that QEMU emulates, whose functions are called one by one.

The board stays stopped between calls. A page of its own holds the few instructions by which a call begins and the
places where it ends: the return address, and a table of exception handlers.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path

from tinyml_core.api.runner import Measurement
from tinyml_core.errors import DeviceFault, InputError, ToolchainError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_plugins.simulator.elf import Image
from tinyml_plugins.simulator.qemu.counts import STRAY, Counts
from tinyml_plugins.simulator.qemu.gdb import ConnectionLostError, Debugger, MemoryRefusedError
from tinyml_plugins.simulator.qemu.machines import MACHINES
from tinyml_plugins.simulator.stack import StackPaint
from tinyml_plugins.simulator.timing.estimate import Estimator

_SP, _LR, _PC, _XPSR = 13, 14, 15, 25
_THUMB_STATE = 1 << 24
_CPACR, _VTOR, _CFSR = 0xE000ED88, 0xE000ED08, 0xE000ED28  # Armv7-M reference manual, B3.2
_FPU_ACCESS = 0xF << 20
_PROLOGUE = struct.pack("<7H", 0x6001, 0x6013, 0xF3BF, 0x8F4F, 0xF3BF, 0x8F6F, 0xBF00)
"""``str r1, [r0]; str r3, [r2]; dsb; isb; nop``: what only the processor itself can write."""
_READY, _RETURN, _FAULT, _VECTORS = 12, 0x40, 0x60, 0x100
"""Offsets in the spare page; the last instruction of the prologue is where it stops."""


class QemuDevice:
    """One board; every call starts afresh, memory stays as the last call left it. A fault is the end of the board."""

    def __init__(
        self, program: str, machine: str, plugin: Path, image: Image, profile: HardwareProfile, *,
        timeout_seconds: float,
    ) -> None:  # fmt: skip
        self._image, self._timeout, self._machine = image, timeout_seconds, machine
        self._spare = MACHINES[machine].spare
        folder = Path(tempfile.mkdtemp(prefix="tinyml-core-"))
        code = image.code_bytes()
        self._counts = Counts(folder / "counts", image.code[0], code, self._spare)
        self._process = subprocess.Popen(
            [program, "-machine", machine, "-nodefaults", "-display", "none", "-S", "-gdb", "stdio",
             "-plugin", f"{plugin},counts={folder / 'counts'}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        weakref.finalize(self, _end, self._process, folder)
        try:
            self._debugger = Debugger(self._process)
            self._prepare()
        except ConnectionLostError:
            told = (self._process.stderr.read() if self._process.stderr else b"").decode(errors="replace").strip()
            raise ToolchainError(told[:400] or "does not start", place=program, remedy="install QEMU anew") from None
        self._estimator = Estimator(profile.core, image, code)
        self._stack = StackPaint(self, self.address("__stack_limit"), self.address("__stack_top"))

    def _prepare(self) -> None:
        """Load the binary and let the processor enable its FPU and take our exception handlers."""
        for load, run, data, _ in self._image.segments:
            for address in {load, run} if data else ():
                self.write(address, data)
        self.write(self._spare, _PROLOGUE)
        for place in (_RETURN, _FAULT):
            self.write(self._spare + place, struct.pack("<H", 0xE7FE))  # b .
            self._debugger.stop_at(self._spare + place)
        self._debugger.stop_at(self._spare + _READY)
        self.write(self._spare + _VECTORS, struct.pack("<16I", 0, *[self._spare + _FAULT | 1] * 15))
        for number, value in enumerate((_CPACR, _FPU_ACCESS, _VTOR, self._spare + _VECTORS)):
            self._debugger.set_register(number, value)
        self._start(self._spare)

    def _start(self, address: int) -> None:
        self._debugger.set_register(_XPSR, _THUMB_STATE)
        self._debugger.set_register(_PC, address)
        self._debugger.go()

    def address(self, symbol: str) -> int:
        """Address of a symbol, a function's without the Thumb bit.

        Raises:
            InputError: the binary has no such symbol.
        """
        if symbol not in self._image.symbols:
            raise InputError(f"has no symbol {symbol!r}", place=str(self._image.path), remedy="check what was linked")
        return self._image.symbols[symbol]

    def write(self, address: int, data: bytes) -> None:
        """Copy bytes into memory, flash included.

        Raises:
            InputError: there is no memory at the address.
        """
        try:
            self._debugger.write(address, data)
        except MemoryRefusedError as error:
            raise InputError(f"no memory for {len(data)} bytes at 0x{address:08x}") from error

    def read(self, address: int, size: int) -> bytes:
        """Copy bytes out of memory.

        Raises:
            InputError: there is no memory at the address.
        """
        try:
            return self._debugger.read(address, size)
        except MemoryRefusedError as error:
            raise InputError(f"no memory of {size} bytes at 0x{address:08x}") from error

    def call(
        self, symbol: str, arguments: Sequence[int], *, profile: bool = False, layers: Sequence[str] = ()
    ) -> tuple[int, Measurement | None]:
        """Call a function with up to four integer or pointer arguments (AAPCS) and return r0, unsigned.

        Raises:
            DeviceFault: the program took an exception, overran its stack or ran past the time limit.
            InputError: the binary has no such function, or there are more arguments.
        """
        entry, pointer = self.address(symbol), self._stack.top & ~7
        if self._process.poll() is not None:
            raise DeviceFault("the board ended with an earlier fault", place=symbol, remedy="load the binary anew")
        if len(arguments) > 4:
            raise InputError("takes at most four arguments", place=f"runner qemu, {symbol}")
        for number, argument in enumerate(arguments):
            self._debugger.set_register(number, argument & 0xFFFFFFFF)
        self._debugger.set_register(_SP, pointer)
        self._debugger.set_register(_LR, self._spare + _RETURN | 1)
        if profile:
            self._stack.paint(pointer)
        self._counts.begin([self.address(layer) for layer in layers] if profile else [])
        registers = self._run(entry, symbol)
        if not profile:
            return registers[0], None
        runs = self._counts.runs()
        cycles, functions = self._estimator.estimate(runs, symbol, layers)
        measurement = Measurement(
            instructions=sum(run.length * run.entries for run in runs),
            instructions_basis="measured",
            cycles=cycles,
            stack_bytes=self._stack.used(symbol),
            functions=functions,
        )
        return registers[0], measurement

    def _run(self, entry: int, symbol: str) -> list[int]:
        """The registers when the function has returned, or raise what went wrong."""
        timer = threading.Timer(self._timeout, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            self._start(entry)
            registers = self._debugger.registers()
            if registers[_PC] != self._spare + _RETURN:
                raise self._fault(registers, symbol)
        except ConnectionLostError:
            raise DeviceFault(
                f"{self._machine} locked up or ran for more than {self._timeout:g} s", place=symbol,
                remedy="raise timeout_seconds, or run it with runner unicorn, which tells more",
            ) from None  # fmt: skip
        finally:
            timer.cancel()
            timer.join()
        reason, place = self._counts.trouble
        if reason:
            what = "executed what is no code" if reason & STRAY else "changed its own code"
            raise DeviceFault(what, place=self._image.place(place))
        return registers

    def _fault(self, registers: Sequence[int], symbol: str) -> DeviceFault:
        status = int.from_bytes(self.read(_CFSR, 4), "little")
        try:
            where = self._image.place(int.from_bytes(self.read(registers[_SP] + 24, 4), "little"))
        except InputError:
            where = symbol
        self._process.kill()
        self._process.wait()
        return DeviceFault(f"took an exception (CFSR 0x{status:08x})", place=where)


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    shutil.rmtree(folder, ignore_errors=True)
