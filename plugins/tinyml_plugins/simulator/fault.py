"""Faults: what stopped the emulated core, in one sentence with kind, address and place.

After an invalid instruction the emulator may report the halfword that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.errors import DeviceFault
from tinyml_plugins.simulator.block_hook import LIMIT, STRAY
from tinyml_plugins.simulator.elf import Image
from tinyml_plugins.simulator.engine import Engine, arm, unicorn
from tinyml_plugins.simulator.stack import StackPaint

_ACCESS = {
    unicorn.UC_MEM_READ_UNMAPPED: "read of {size} bytes at unmapped address 0x{address:08x}",
    unicorn.UC_MEM_WRITE_UNMAPPED: "write of {size} bytes at unmapped address 0x{address:08x}",
    unicorn.UC_MEM_FETCH_UNMAPPED: "jump to unmapped address 0x{address:08x}",
    unicorn.UC_MEM_READ_PROT: "read of {size} bytes at forbidden address 0x{address:08x}",
    unicorn.UC_MEM_WRITE_PROT: "write of {size} bytes to flash at 0x{address:08x}",
    unicorn.UC_MEM_FETCH_PROT: "jump to data at 0x{address:08x}",
}
_FETCHES = (unicorn.UC_MEM_FETCH_UNMAPPED, unicorn.UC_MEM_FETCH_PROT)
# exception numbers of the emulator's Arm model
_EXCEPTIONS = {
    1: "undefined instruction",
    2: "supervisor call",
    4: "unaligned access",
    7: "breakpoint",
}
_FETCH_ABORT = 3  # where the architecture forbids execution
_LARGEST_PUSH = 128  # bytes; the stack pointer moves only after the stores of a PUSH have succeeded


@dataclass(frozen=True)
class Trouble:
    """What a hook saw: an invalid memory access, or an exception of the core."""

    access: int = 0
    address: int = 0
    size: int = 0
    exception: int | None = None


def fault(
    engine: Engine,
    image: Image,
    stack: StackPaint,
    error: int,
    trouble: Trouble | None,
    halted: tuple[int, int],
    limit: int,
    expired: float | None,
) -> DeviceFault:
    """The fault behind a call that did not return.

    ``error`` is Unicorn's error number, ``halted`` what the block counter says, ``expired`` the time limit in seconds
    when that was hit.
    """
    pc = engine.reg_read(arm.UC_ARM_REG_PC)
    caller = (engine.reg_read(arm.UC_ARM_REG_LR) & ~1) - 2
    reason, address = halted
    remedy = ""
    if trouble is not None and trouble.access:
        problem = _ACCESS.get(trouble.access, "invalid access at 0x{address:08x}").format(
            size=trouble.size, address=trouble.address
        )
        if trouble.access in _FETCHES:  # the place that matters is where the jump came from, or will return to
            pc = caller
        elif engine.reg_read(arm.UC_ARM_REG_SP) - _LARGEST_PUSH <= trouble.address < stack.limit:
            problem = f"stack overflow: {problem}, below the reserve of {stack.top - stack.limit} bytes"
            remedy = "build with a larger stack"
    elif trouble is not None and trouble.exception == _FETCH_ABORT:
        problem, pc = f"jump to 0x{pc:08x}, which is not code", caller
    elif trouble is not None:
        problem = _EXCEPTIONS.get(trouble.exception or 0, f"exception {trouble.exception}")
    elif reason & STRAY:
        problem, pc = f"jump to 0x{address:08x}, which is not code", caller
    elif reason & LIMIT:
        problem, pc = f"executed more than {limit} instructions", address
        remedy = "raise max_instructions if the program is meant to run that long"
    elif reason:
        problem, pc = "a block of code changed while it ran", address
    elif expired is not None:
        problem = f"still running after {expired:g} s"
        remedy = "raise timeout_seconds if the program is meant to run that long"
    elif error == unicorn.UC_ERR_INSN_INVALID:
        problem = "invalid instruction"
    elif error:
        problem = str(unicorn.UcError(error))
    else:
        problem = "the core went to sleep"
    return DeviceFault(problem, place=f"{image.place(pc)} (pc 0x{pc:08x})", remedy=remedy)
