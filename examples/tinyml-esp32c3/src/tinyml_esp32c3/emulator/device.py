"""RiscvDevice: a loaded binary, whose functions are called one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tinyml_core.api.runner import Cycles, FunctionProfile, Measurement
from tinyml_core.errors import DeviceFault, InputError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_esp32c3.emulator import timing
from tinyml_esp32c3.emulator.counting import BlockCounts
from tinyml_esp32c3.emulator.engine import EngineError, riscv, unicorn
from tinyml_esp32c3.emulator.image import Image
from tinyml_esp32c3.emulator.instructions import Class

_ARGUMENTS = (riscv.UC_RISCV_REG_A0, riscv.UC_RISCV_REG_A1, riscv.UC_RISCV_REG_A2, riscv.UC_RISCV_REG_A3)
_PAINT = b"\xd5\x3c\xa6\x91"  # a word that no address, small number or ASCII text looks like


class RiscvDevice:
    """One machine; every call starts from the same registers, memory stays as the last call left it."""

    def __init__(self, engine: Any, image: Image, profile: HardwareProfile, timeout_seconds: float) -> None:
        self._engine, self._image, self._timeout = engine, image, timeout_seconds
        flash = next(region for region in profile.regions if region.kind == "flash")
        self._stop = flash.origin + flash.size - 4  # never executed, so returning there ends the call
        self._limit, self._top = self.address("__stack_limit"), self.address("__stack_top")
        self._trouble = ""
        engine.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._on_invalid_access)
        self._reset = engine.context_save()

    def address(self, symbol: str) -> int:
        """Address of a symbol; raises InputError when the binary has none."""
        if symbol not in self._image.symbols:
            raise InputError(f"has no symbol {symbol!r}", place=str(self._image.path), remedy="check what was linked")
        return self._image.symbols[symbol]

    def write(self, address: int, data: bytes) -> None:
        """Copy bytes into memory; raises InputError where there is none."""
        try:
            self._engine.mem_write(address, data)
        except EngineError as error:
            raise InputError(f"no memory for {len(data)} bytes at 0x{address:08x}") from error

    def read(self, address: int, size: int) -> bytes:
        """Copy bytes out of memory; raises InputError where there is none."""
        try:
            return bytes(self._engine.mem_read(address, size))
        except EngineError as error:
            raise InputError(f"no memory of {size} bytes at 0x{address:08x}") from error

    def call(
        self, symbol: str, arguments: Sequence[int], *, profile: bool = False, layers: Sequence[str] = ()
    ) -> tuple[int, Measurement | None]:
        """Call a function with up to four integers or pointers and return a0, unsigned.

        Raises:
            DeviceFault: the program left its memory, executed nonsense or ran past the time limit.
            InputError: the binary has no such function.
        """
        entry, engine = self.address(symbol), self._engine
        engine.context_restore(self._reset)
        for register, argument in zip(_ARGUMENTS, arguments, strict=False):
            engine.reg_write(register, argument & 0xFFFFFFFF)
        engine.reg_write(riscv.UC_RISCV_REG_SP, self._top)
        engine.reg_write(riscv.UC_RISCV_REG_RA, self._stop)
        if not profile:
            self._execute(entry)
            return int(engine.reg_read(riscv.UC_RISCV_REG_A0)) & 0xFFFFFFFF, None
        self.write(self._limit, _PAINT * ((self._top - self._limit) // len(_PAINT)))
        counts = BlockCounts(engine, [self.address(layer) for layer in layers])
        with counts:
            self._execute(entry)
        result = int(engine.reg_read(riscv.UC_RISCV_REG_A0)) & 0xFFFFFFFF
        return result, self._measured(counts, symbol, layers)

    def _execute(self, entry: int) -> None:
        self._trouble, problem = "", ""
        try:
            self._engine.emu_start(entry, self._stop, timeout=int(self._timeout * 1e6))
        except EngineError as error:
            problem = self._trouble or str(error)
        at = self._engine.reg_read(riscv.UC_RISCV_REG_PC)
        if at == self._stop and not problem:
            return
        raise DeviceFault(
            problem or f"still running after {self._timeout:g} s",
            place=f"{self._image.function_at(at)} (pc 0x{at:08x})",
            remedy="" if problem else "raise timeout_seconds if the program is meant to run that long",
        )

    def _on_invalid_access(
        self, _engine: object, access: int, address: int, size: int, _value: int, _data: object
    ) -> bool:
        kind = "write" if access in (unicorn.UC_MEM_WRITE_UNMAPPED, unicorn.UC_MEM_WRITE_PROT) else "access"
        self._trouble = f"{kind} of {size} bytes at 0x{address:08x}, where that is not allowed"
        if self._limit - 4096 <= address < self._limit:
            self._trouble = f"stack overflow: {self._trouble}, below the reserve of {self._top - self._limit} bytes"
        return False

    def _measured(self, counts: BlockCounts, called: str, layers: Sequence[str]) -> Measurement:
        """What ran, in all and by function; the calling function's own instructions belong to no layer."""
        classes: dict[str, Counter[Class]] = {}
        taken: Counter[str] = Counter()
        for run in counts.runs():
            symbol = self._image.function_at(run.address)
            if run.context and symbol != called:
                symbol = layers[run.context - 1]
            classes.setdefault(symbol, Counter()).update(timing.times(run.classes, run.entries))
            taken[symbol] += run.entries - run.falls
        total: Counter[Class] = sum(classes.values(), Counter())
        low, core, high = (
            timing.cycles(total, taken.total(), table) for table in (timing.LOW, timing.CORE, timing.HIGH)
        )
        rows = [
            FunctionProfile(symbol, each.total(), timing.cycles(each, taken[symbol], timing.CORE))
            for symbol, each in classes.items()
        ]
        return Measurement(
            instructions=total.total(),
            instructions_basis="measured",
            cycles=Cycles(core, low, high, timing.MODEL),
            stack_bytes=self._stack_used(),
            functions=tuple(sorted(rows, key=lambda row: (-row.cycles, row.symbol))),
        )

    def _stack_used(self) -> int:
        """Bytes from the top of the stack to the lowest one written, a multiple of 4."""
        painted = self.read(self._limit, self._top - self._limit)
        for offset in range(0, len(painted), 4):
            if painted[offset : offset + 4] != _PAINT:
                return len(painted) - offset
        return 0
