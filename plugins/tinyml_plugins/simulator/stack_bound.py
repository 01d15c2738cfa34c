"""Stack bound: how deep the stack can grow in any execution of a function, from its machine code and what it calls.

A function's frame is taken to be everything it ever pushes or subtracts, so the bound holds on every path. Generated
networks have no recursion and no calls through pointers; where a binary has them there is no bound. Compilers call
through pointers by BLX and BX; what writes the program counter otherwise jumps within its function.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import capstone
from elftools.elf.elffile import ELFFile

_LISTED = re.compile(r"\{(.*)\}")
_DOWNWARDS = re.compile(r"\[sp, #-(0x[0-9a-f]+|\d+)\]!")
_SUBTRACTED = re.compile(r"(?:sp, )?sp, #(0x[0-9a-f]+|\d+)")


@dataclass
class _Function:
    name: str
    size: int
    frame: int = 0
    callees: set[int] = field(default_factory=set)
    unknown: bool = False


def stack_bounds(binary: Path) -> dict[str, int]:
    """Greatest stack depth in bytes by function, for those that have a bound."""
    with binary.open("rb") as stream:
        functions = _functions(ELFFile(stream))
    depths: dict[int, int | None] = {}
    for address in functions:
        _depth(address, functions, depths, ())
    return {functions[address].name: depth for address, depth in depths.items() if depth is not None}


def _depth(
    address: int, functions: dict[int, _Function], depths: dict[int, int | None], path: tuple[int, ...]
) -> int | None:
    if address in path or address not in functions:
        return None
    if address not in depths:
        function = functions[address]
        below = [_depth(callee, functions, depths, (*path, address)) for callee in sorted(function.callees)]
        known = [depth for depth in below if depth is not None]
        bounded = not function.unknown and len(known) == len(below)
        depths[address] = function.frame + max(known, default=0) if bounded else None
    return depths[address]


def _functions(elf: Any) -> dict[int, _Function]:  # noqa: ANN401 - pyelftools carries no types
    symbols = list(elf.get_section_by_name(".symtab").iter_symbols())
    functions = {
        symbol["st_value"] & ~1: _Function(symbol.name, symbol["st_size"])
        for symbol in sorted(symbols, key=lambda symbol: (symbol["st_info"]["bind"] == "STB_GLOBAL", symbol.name))
        if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] != "SHN_UNDEF"
    }
    starts = sorted(functions)
    for instruction in _instructions(elf, symbols):
        start = starts[max(bisect_right(starts, instruction.address) - 1, 0)]
        if start <= instruction.address < start + functions[start].size:  # what fills the gaps is never executed
            _account(instruction, functions[start], start, start + functions[start].size)
    return functions


def _instructions(elf: Any, symbols: list[Any]) -> Iterator[Any]:  # noqa: ANN401
    """The instructions of all code sections, literal pools left out: mapping symbols (AAELF32) say where those lie."""
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8)
    decoder.detail = True
    for number, section in enumerate(elf.iter_sections()):
        if not section["sh_flags"] & 4 or not section["sh_size"]:  # SHF_EXECINSTR
            continue
        begin, data = section["sh_addr"], section.data()
        end = begin + section["sh_size"]
        marks = sorted(
            {(s["st_value"], s.name[1]) for s in symbols if s["st_shndx"] == number and s.name[:2] in ("$t", "$d")}
        )
        for (start, kind), (stop, _) in zip(marks, [*marks[1:], (end, "")], strict=True):
            if kind == "t":
                yield from decoder.disasm(data[start - begin : stop - begin], start)


def _account(instruction: Any, function: _Function, start: int, end: int) -> None:  # noqa: ANN401
    name, text = instruction.insn_name(), instruction.op_str
    if name in ("push", "vpush") or (name in ("stmdb", "stm", "vstmdb") and text.startswith("sp!")):
        registers = _LISTED.search(text)
        listed = registers.group(1).split(", ") if registers else []
        function.frame += sum(8 if register.startswith("d") else 4 for register in listed)
    elif name in ("str", "strd") and (stored := _DOWNWARDS.search(text)):
        function.frame += int(stored.group(1), 0)
    elif name in ("sub", "subw") and text.startswith("sp"):
        amount = _SUBTRACTED.fullmatch(text)
        function.frame += int(amount.group(1), 0) if amount else 0
        function.unknown |= amount is None  # an array of variable length
    elif name in ("mov", "add") and text.startswith("sp, r"):
        function.unknown = True  # likewise
    elif name in ("bl", "b", "blx", "bx", "cbz", "cbnz"):
        if text.rsplit("#", 1)[-1] != text:
            target = int(text.rsplit("#", 1)[-1], 0)
            if name == "bl" or not start <= target < end:
                function.callees.add(target)
        elif name == "blx" or (name == "bx" and text != "lr"):
            function.unknown = True
