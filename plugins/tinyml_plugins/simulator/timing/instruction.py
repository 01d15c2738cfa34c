"""Instruction: what a timing table needs to know about one Thumb instruction, decoded by capstone.

Capstone 5 leaves registers out of what some instructions read (the accumulators of SMLAL, the second source of SXTAB16
and PKHBT, the source of SSAT), so what is read is worked out from the operands here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import capstone
from capstone import arm

Kind = Literal[
    "alu", "shifted", "dsp", "mul", "mac", "div",
    "load", "store", "load-multiple", "store-multiple",
    "branch", "table-branch", "it", "nop", "system",
    "fpu", "fpu-mac", "fpu-div", "fpu-sqrt", "fpu-pair",
]  # fmt: skip


@dataclass(frozen=True)
class Instruction:
    """One decoded instruction.

    ``reads`` are the registers needed at issue; ``addresses`` those of them that form an address; ``accumulator`` and
    ``data`` (of a store) are needed later. ``transfers`` counts the 32-bit words moved to or from memory.
    """

    address: int
    size: int
    name: str
    kind: Kind
    reads: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    accumulator: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    transfers: int = 0
    narrow: bool = False
    """Moves a byte or a halfword."""
    register_offset: bool = False
    sets_flags: bool = False
    changes_pc: bool = False
    conditional: bool = False
    """May go on to the next address although it changes the program counter."""
    target: int | None = None

    @property
    def is_long(self) -> bool:
        """Whether a multiplication gives 64 bits."""
        return self.kind in ("mul", "mac") and len(self.writes) == 2


_MULTIPLE: dict[str, Kind] = {
    **dict.fromkeys(("ldm", "ldmdb", "pop", "vldmia", "vldmdb", "vpop", "ldrd"), "load-multiple"),
    **dict.fromkeys(("stm", "stmdb", "push", "vstmia", "vstmdb", "vpush", "strd"), "store-multiple"),
}
_PREFIXES: dict[Kind, tuple[str, ...]] = {
    "system": ("mrs", "msr", "dmb", "dsb", "isb", "svc", "bkpt", "cps", "wfi", "wfe", "sev", "udf", "pld"),
    "mac": ("mla", "mls", "smla", "smlsd", "smlsld", "smmla", "smmls", "umlal", "umaal", "usada8"),
    "mul": ("mul", "smul", "umull", "smmul", "smuad", "smusd", "usad8"),
    "dsp": (
        "sxt", "uxt", "ubfx", "sbfx", "bfi", "bfc", "pkh", "ssat", "usat", "rev", "rbit", "clz", "sel",
        "qa", "qs", "qd", "sadd", "ssub", "sasx", "ssax", "uadd", "usub", "uasx", "usax", "uq", "uh", "sh",
    ),
}  # fmt: skip
_PLAIN_CONSTANT = ("movw", "movt", "addw", "subw", "adr", "lsl", "lsr", "asr", "ror")
_READS_DESTINATION = ("movt", "bfi", "bfc")


def _kind(name: str, insn: Any) -> Kind:  # noqa: ANN401 - capstone carries no types
    if name in _MULTIPLE:
        return _MULTIPLE[name]
    if name in ("tbb", "tbh"):
        return "table-branch"
    if name in ("b", "bl", "bx", "blx", "cbz", "cbnz"):
        return "branch"
    if name == "it" or insn.mnemonic.startswith("nop"):
        return "it" if name == "it" else "nop"
    if name in ("sdiv", "udiv"):
        return "div"
    if name.startswith("v"):
        return _float_kind(name, insn)
    for kind, prefixes in _PREFIXES.items():
        if name.startswith(prefixes):
            return kind
    if name.startswith(("ldr", "str")):
        return "load" if name[0] == "l" else "store"
    return "shifted" if _has_shifted_operand(insn) else "alu"


def _float_kind(name: str, insn: Any) -> Kind:  # noqa: ANN401
    if name in ("vldr", "vstr"):
        if insn.reg_name(insn.operands[0].reg).startswith("d"):
            return "load-multiple" if name == "vldr" else "store-multiple"
        return "load" if name == "vldr" else "store"
    if name.startswith(("vmla", "vmls", "vnmla", "vnmls", "vfma", "vfms", "vfnma", "vfnms")):
        return "fpu-mac"
    if name in ("vdiv", "vsqrt"):
        return "fpu-div" if name == "vdiv" else "fpu-sqrt"
    return "fpu-pair" if name == "vmov" and len(insn.operands) > 2 else "fpu"


def _has_shifted_operand(insn: Any) -> bool:  # noqa: ANN401
    """A register shifted on the way (``add r0, r1, r2, lsl #3``) or a constant that is a shifted byte."""
    if any(operand.type == arm.ARM_OP_REG and operand.shift.type for operand in insn.operands):
        return True
    if insn.size == 2 or insn.mnemonic.startswith(_PLAIN_CONSTANT):
        return False
    constants = [operand.imm & 0xFFFFFFFF for operand in insn.operands if operand.type == arm.ARM_OP_IMM]
    return any(
        value > 255 and value >> 16 != value & 0xFFFF for value in constants
    )  # repeated patterns are not shifted


def decode(code: bytes, address: int) -> tuple[Instruction, ...]:
    """Every instruction of a block of code.

    Raises:
        ValueError: the bytes are not all instructions.
    """
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8)
    decoder.detail = True
    block = tuple(_instruction(insn) for insn in decoder.disasm(code, address))
    if sum(instruction.size for instruction in block) != len(code):
        raise ValueError(f"no instruction at 0x{address + sum(i.size for i in block):08x}")
    return block


def _instruction(insn: Any) -> Instruction:  # noqa: ANN401
    name = insn.insn_name()
    kind = _kind(name, insn)
    registers = [insn.reg_name(o.reg) for o in insn.operands if o.type == arm.ARM_OP_REG]
    memory = [o.mem for o in insn.operands if o.type == arm.ARM_OP_MEM]
    addresses = {insn.reg_name(r) for m in memory for r in (m.base, m.index) if r} - {"pc"}
    _, written = insn.regs_access()
    writes = {insn.reg_name(register) for register in written} - {"cpsr", "itstate"}
    reads, accumulator, data = set(addresses), set[str](), set[str]()
    transfers = 0
    if kind in ("load-multiple", "store-multiple"):
        listed = registers
        if name in ("push", "pop", "vpush", "vpop"):
            addresses = {"sp"}
        elif not memory:  # LDM and STM list their base first
            addresses, listed = {registers[0]}, registers[1:]
        reads |= addresses
        transfers = sum(2 if register.startswith("d") else 1 for register in listed)
        (writes if kind == "load-multiple" else data).update(listed)
    elif kind in ("load", "store"):
        transfers = 1
        if kind == "store":
            data.update(registers[:1])
    elif kind == "mac":
        long = len(writes) == 2
        reads.update(registers[2:4] if long else registers[1:3])
        accumulator.update(registers[:2] if long else registers[3:])
    elif kind == "mul" and len(writes) == 2:
        reads.update(registers[2:])
    elif kind == "fpu-mac":
        reads.update(registers[1:])
        accumulator.update(registers[:1])
    else:
        reads.update(registers if not writes or name in _READS_DESTINATION or len(registers) == 1 else registers[1:])
        if insn.size == 2 and len(insn.operands) == 2 and kind == "alu" and not name.startswith(("mov", "mvn")):
            reads.update(registers[:1])  # the two-operand forms: adds r0, #1
        if len(registers) == 1 and name in ("mov", "movw", "mvn", "adr"):
            reads.clear()
    changes_pc = kind in ("branch", "table-branch") or "pc" in writes
    direct = kind == "branch" and insn.operands and insn.operands[-1].type == arm.ARM_OP_IMM
    return Instruction(
        address=insn.address,
        size=insn.size,
        name=name,
        kind=kind,
        reads=frozenset(reads - {"pc"}),
        addresses=frozenset(addresses),
        accumulator=frozenset(accumulator),
        data=frozenset(data),
        writes=frozenset(writes - {"pc"}),
        transfers=transfers,
        narrow=kind in ("load", "store") and name.endswith(("b", "h")),
        register_offset=any(m.index for m in memory),
        sets_flags=insn.update_flags or name in ("cmp", "cmn", "tst", "teq"),
        changes_pc=changes_pc,
        conditional=changes_pc and (name in ("cbz", "cbnz") or insn.cc not in (arm.ARM_CC_INVALID, arm.ARM_CC_AL)),
        target=insn.operands[-1].imm if direct else None,
    )
