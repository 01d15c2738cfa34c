"""UnicornDevice: a loaded binary, whose functions are called one by one."""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence

from tinyml_core.api.runner import Measurement
from tinyml_core.errors import InputError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_plugins.simulator.block_hook import load_hook
from tinyml_plugins.simulator.counting import BlockCounter, CompiledCounter, PythonCounter
from tinyml_plugins.simulator.elf import Image
from tinyml_plugins.simulator.engine import Engine, EngineError, arm, unicorn
from tinyml_plugins.simulator.fault import Trouble, fault
from tinyml_plugins.simulator.stack import StackPaint
from tinyml_plugins.simulator.timing.estimate import Estimator

_ARGUMENTS = (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3)
_RETURN_OFFSET = 0x20  # a reserved slot of the vector table: never executed, so returning there ends the call


class UnicornDevice:
    """One machine; every call starts from the same registers, memory stays as the last call left it."""

    def __init__(
        self,
        engine: Engine,
        image: Image,
        profile: HardwareProfile,
        *,
        timeout_seconds: float,
        max_instructions: int,
        compiled_hook: bool,
    ) -> None:
        self._engine, self._image = engine, image
        self._timeout, self._limit = timeout_seconds, max_instructions
        self._stop_address = profile.largest("flash").origin + _RETURN_OFFSET
        base, end = image.code
        code = bytes(engine.mem_read(base, end - base))
        library = load_hook() if compiled_hook else None
        self._counter: BlockCounter = (
            CompiledCounter(engine, library, base, code) if library else PythonCounter(engine, base, code)
        )
        self._estimator = Estimator(profile.core, image, code)
        self._stack = StackPaint(self, self.address("__stack_limit"), self.address("__stack_top"))
        self._trouble: Trouble | None = None
        self._expired = False
        engine.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._on_invalid_access)
        engine.hook_add(unicorn.UC_HOOK_INTR, self._on_exception)
        self._reset = engine.context_save()

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
            self._engine.mem_write(address, data)
        except EngineError as error:
            raise InputError(f"no memory for {len(data)} bytes at 0x{address:08x}") from error

    def read(self, address: int, size: int) -> bytes:
        """Copy bytes out of memory.

        Raises:
            InputError: there is no memory at the address.
        """
        try:
            return bytes(self._engine.mem_read(address, size))
        except EngineError as error:
            raise InputError(f"no memory of {size} bytes at 0x{address:08x}") from error

    def call(
        self, symbol: str, arguments: Sequence[int], *, profile: bool = False, layers: Sequence[str] = ()
    ) -> tuple[int, Measurement | None]:
        """Call a function with integer or pointer arguments (AAPCS) and return r0, unsigned.

        Raises:
            DeviceFault: the program left its memory, executed nonsense, overran its stack or ran past a limit.
            InputError: the binary has no such function.
        """
        entry, engine = self.address(symbol), self._engine
        engine.context_restore(self._reset)
        stacked = [argument & 0xFFFFFFFF for argument in arguments[len(_ARGUMENTS) :]]
        pointer = (self._stack.top - 4 * len(stacked)) & ~7
        for register, argument in zip(_ARGUMENTS, arguments, strict=False):
            engine.reg_write(register, argument & 0xFFFFFFFF)
        self.write(pointer, struct.pack(f"<{len(stacked)}I", *stacked))
        engine.reg_write(arm.UC_ARM_REG_SP, pointer)
        engine.reg_write(arm.UC_ARM_REG_LR, self._stop_address | 1)
        if profile:
            self._stack.paint(pointer)
        self._run(entry, profile, [self.address(layer) for layer in layers] if profile else [])
        if not profile:
            return engine.reg_read(arm.UC_ARM_REG_R0), None
        runs = self._counter.runs()
        cycles, functions = self._estimator.estimate(runs, symbol, layers)
        measurement = Measurement(
            instructions=sum(run.length * run.entries for run in runs),
            instructions_basis="measured",
            cycles=cycles,
            stack_bytes=self._stack.used(symbol),
            functions=functions,
        )
        return engine.reg_read(arm.UC_ARM_REG_R0), measurement

    def _run(self, entry: int, profile: bool, watched: Sequence[int]) -> None:
        """Execute until the function returns, or raise what went wrong."""
        self._trouble, self._expired, error = None, False, 0
        self._counter.begin(self._limit, profile, watched)
        timer = threading.Timer(self._timeout, self._on_timeout)
        timer.daemon = True
        timer.start()
        try:
            self._engine.emu_start(entry | 1, self._stop_address)
        except EngineError as raised:
            error = int(getattr(raised, "errno", 0)) or -1
        finally:
            timer.cancel()
            timer.join()  # a timer that fires late must not stop the next call
            self._counter.end()
        if self._engine.reg_read(arm.UC_ARM_REG_PC) == self._stop_address and not error and self._trouble is None:
            return
        expired = self._timeout if self._expired else None
        raise fault(
            self._engine, self._image, self._stack, error, self._trouble, self._counter.halted, self._limit, expired
        )

    def _on_timeout(self) -> None:
        self._expired = True
        self._engine.emu_stop()

    def _on_invalid_access(
        self, _engine: Engine, access: int, address: int, size: int, _value: int, _data: object
    ) -> bool:
        self._trouble = Trouble(access=access, address=address, size=size)
        return False

    def _on_exception(self, engine: Engine, number: int, _data: object) -> None:
        self._trouble = Trouble(exception=number)
        engine.emu_stop()
