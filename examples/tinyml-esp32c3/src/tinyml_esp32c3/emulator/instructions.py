"""Instructions of RV32IMC: how long they are, and which take more than a cycle.

Source: The RISC-V Instruction Set Manual, volume I, chapters RV32I, M and C.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

Class = Literal["plain", "load", "multiply", "divide", "jump", "branch"]

_OPCODES: dict[int, Class] = {0x03: "load", 0x63: "branch", 0x67: "jump", 0x6F: "jump"}
# by quadrant (bits 1:0) and function (bits 15:13)
_COMPRESSED: dict[tuple[int, int], Class] = {
    (0, 2): "load", (2, 2): "load", (1, 1): "jump", (1, 5): "jump", (1, 6): "branch", (1, 7): "branch",
}  # fmt: skip


def class_of(word: int) -> Class:
    """The class of the instruction whose first 32 bits are ``word``."""
    if word & 3 != 3:
        function = word >> 13 & 7
        if (word & 3, function) == (2, 4) and not word & 0x7C and word & 0xF80:
            return "jump"  # C.JR and C.JALR; with a second register they are C.MV and C.ADD
        return _COMPRESSED.get((word & 3, function), "plain")
    if word & 0x7F == 0x33 and word >> 25 == 1:
        return "divide" if word >> 14 & 1 else "multiply"
    return _OPCODES.get(word & 0x7F, "plain")


def classes_in(code: bytes) -> Counter[Class]:
    """How many instructions of each class a straight run holds."""
    found: Counter[Class] = Counter()
    at = 0
    while at < len(code):
        word = int.from_bytes(code[at : at + 4], "little")
        found[class_of(word)] += 1
        at += 4 if word & 3 == 3 else 2
    return found
