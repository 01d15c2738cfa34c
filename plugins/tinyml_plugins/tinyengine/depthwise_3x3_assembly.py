"""The functions of ``tinyml_depthwise_3x3.h`` as instructions: 3 x 3 taps of a channel stay in six registers.

They are whole functions, since the taps, four sums, two words and two pointers take every register there is. Words of
weights are two taps below each other, (0, 1) and (1, 2) of a column; the functions for one row have (2) of two columns
side by side instead. The stack holds what does not fit: byte offsets are in ``FRAME``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

FRAME = {
    "bias": 0,
    "last": 4,
    "mantissa": 8,
    "addend": 12,
    "shift": 16,
    "step": 20,
    "below": 24,
    "span": 28,
    "rest": 32,
    "back_output": 36,
    "back_plane": 40,
    "channels": 44,
    "record": 48,
    "zero_point": 52,
}
"""Stack: ``last`` is the address of the last block of pixels; what all channels share from ``step`` on."""
TAPS = ("r5", "r6", "r7")
"""By column: all taps of a channel as bytes."""
BYTES = 4 * len(FRAME)
COLUMNS = 64
"""Bytes of two columns of four channels."""
ROW_COLUMNS = 48
"""The same for one row."""
SUMS = ("r4", "r5", "r6", "r7")
DOWN = (("r10", "r11"), ("r12", "lr"), ("r8", "r9"))
"""By column: taps (0, 1) and (1, 2)."""
ROW_DOWN = ("r8", "r9", "r10")
"""By column, for one row: taps (0, 1)."""
ROW_ACROSS = ("r11", "lr")
"""For one row: tap 2 of columns 0 and 1, and of 1 and 2."""
ACROSS = "r12"
"""For one row: two columns of the third row of the image."""


def two_rows(new: int, rounding: str) -> list[str]:
    """Two rows of output for all channels of a group; ``new`` is the slot of the lower two rows of the image."""
    expanded = [word for pair in DOWN for word in pair]
    order = [f"sxtb16 {word}, {TAPS[i // 2]}{', ror #8' if i % 2 else ''}" for i, word in enumerate(expanded)]
    return _channels(
        [*order, *_shifted(expanded, rounding)],
        [*_square(new, 2), *_requantised(SUMS, rounding), *_stored(2), "bne 2b"],
        [
            "ldr r2, [sp, #%(rest)d]",
            "cmp r2, #0",
            "beq 4f",
            *_square(new, 1),
            *_requantised(SUMS[:2], rounding),
            *_stored(1),
        ],
        rounding,
    )


def one_row(rounding: str) -> list[str]:
    """A row of output for all channels of a group; slot 1 has columns of the third row of the image side by side."""
    words = (*ROW_DOWN, "r11", "r12", "lr")
    order = [f"sxtb16 {word}, {TAPS[i % 3]}{', ror #8' if i > 2 else ''}" for i, word in enumerate(words)]
    across = ["pkhtb r11, r12, r11, asr #16", "pkhtb lr, lr, r12, asr #16"]
    tails: list[list[str]] = []
    for n, label in ((2, "7f"), (1, "4f")):
        asked = ["ldr r2, [sp, #%(rest)d]", f"tst r2, #{n}", f"beq {label}"]
        tails.append([*asked, *_row(n), *_requantised(SUMS[:n], rounding), *_row_stored(n)])
    return _channels(
        [*order, *_shifted(words, rounding), *across],
        [*_row(4), *_requantised(SUMS, rounding), *_row_stored(4), "bne 2b"],
        ["ldr r2, [sp, #%(rest)d]", "cmp r2, #0", "beq 4f", *tails[0], "7:", *tails[1]],
        rounding,
    )


def _channels(taps: Sequence[str], blocks: Sequence[str], rest: Sequence[str], rounding: str) -> list[str]:
    """(to, from, records, lines): the loop over channels around ``blocks`` of pixels and the ``rest``."""
    factors = ["str r9, [sp, #%(mantissa)d]"]
    if rounding == "tflite":
        factors += [
            "ldr r9, [sp, #%(zero_point)d]",
            "lsl r9, r9, r4",
            "mov r10, #1",
            "lsl r10, r10, r4",
            "add r9, r9, r10, lsr #1",
            "strd r9, r4, [sp, #%(addend)d]",
        ]
    lines = [
        "push {r4-r11, lr}",
        f"sub sp, sp, #{BYTES}",
        "ldm r3, {r4-r11}",
        "add r12, sp, #%(step)d",
        "stm r12, {r4-r9}",
        "str r11, [sp, #%(" + ("zero_point" if rounding == "tflite" else "addend") + ")d]",
        "mov r3, r10",
        "1:",
        "ldm r2!, {r4-r9}",
        "strd r3, r2, [sp, #%(channels)d]",
        "ldr r3, [sp, #%(span)d]",
        "add r2, r3, r1",
        "strd r8, r2, [sp]",
        *factors,
        *taps,
        "cmp r3, #0",
        "blt 3f",
        "2:",
        *blocks,
        "3:",
        *rest,
        "4:",
        "ldrd r4, r5, [sp, #%(back_output)d]",
        "ldrd r3, r2, [sp, #%(channels)d]",
        "add r0, r0, r4",
        "add r1, r1, r5",
        "subs r3, r3, #1",
        "bne 1b",
        f"add sp, sp, #{BYTES}",
        "pop {r4-r11, pc}",
    ]
    return [line % FRAME for line in lines]


def _shifted(words: Iterable[str], rounding: str) -> list[str]:
    """Weights doubled, or shifted to the left by r4; halves do not carry."""
    doubled = [f"sadd16 {word}, {word}, {word}" for word in words]
    return doubled if rounding == "tflite" else ["cbz r4, 6f", "5:", *doubled, "subs r4, r4, #1", "bne 5b", "6:"]


def _square(new: int, n: int) -> list[str]:
    """``n`` pixels of two rows: their sums, and the pointer moved on to the next two columns."""
    lines = ["ldrd r7, r4, [sp]", "cmp r1, r4"] if n == 2 else ["ldr r5, [sp]"]
    started: set[str] = set()
    bias = "r7" if n == 2 else "r5"
    for columns, slot in ((0, 0), (0, 1), (1, 0), (1, 1)):
        load = "ldr r2" if n == 1 and columns else "ldrd r2, r3"
        lines.append(f"{load}, [r1{', #64' if columns and n == 2 and not slot else _at(columns, slot, n)}]")
        if columns and n == 2 and not slot:
            lines[-1] += "!"
        for pixel in range(n):
            for half in (0, 1):
                tap = 2 * columns + half - pixel
                if not 0 <= tap < 3:
                    continue
                for row in (0, 1):
                    total = SUMS[2 * pixel + row]
                    if slot == new:
                        name, word = ("smlabt", "smlad")[row], DOWN[tap][1]
                    else:
                        name, word = ("smlad", "smlatb")[row], DOWN[tap][0]
                    lines.append(f"{name} {total}, r{2 + half}, {word}, {total if total in started else bias}")
                    started.add(total)
    return lines


def _at(columns: int, slot: int, n: int) -> str:
    offset = 8 * slot + (COLUMNS if columns and n == 1 else 0)
    return f", #{offset}" if offset else ""


def _row(n: int) -> list[str]:
    """``n`` pixels of one row: their sums, and the pointer moved on behind them."""
    bias = SUMS[n - 1]
    lines = ["ldrd r7, r6, [sp]", "cmp r1, r6"] if n == 4 else [f"ldr {bias}, [sp]"]
    started: set[str] = set()
    last = (n + 1) // 2

    def add(name: str, pixel: int, data: str, weight: str) -> None:
        total = SUMS[pixel]
        lines.append(f"{name} {total}, {data}, {weight}, {total if total in started else bias}")
        started.add(total)

    for columns in range(last + 1):
        moved = columns == last and n > 1
        offset = f", #{ROW_COLUMNS * columns}" if columns else ""
        lines.append(f"{'ldr r2' if n == 1 and columns else 'ldrd r2, r3'}, [r1{offset}]{'!' if moved else ''}")
        lines.append(f"ldr {ACROSS}, [r1, #{8 if moved else ROW_COLUMNS * columns + 8}]")
        for pixel in range(n):
            for half in (0, 1):
                tap = 2 * columns + half - pixel
                if 0 <= tap < 3:
                    add("smlad", pixel, f"r{2 + half}", ROW_DOWN[tap])
            place = columns - pixel // 2
            if place in (0, 1):
                name = (("smlad", "smlabt"), ("smlatb", "smlad"))[pixel % 2][place]
                add(name, pixel, ACROSS, ROW_ACROSS[place])
    return lines


def _requantised(sums: Iterable[str], rounding: str) -> list[str]:
    sums = list(sums)
    saturated = [f"ssat {total}, #8, {total}" for total in sums]
    if rounding != "tflite":
        return ["ldrd r2, r3, [sp, #%(mantissa)d]", *(f"smmlar {s}, {s}, r2, r3" for s in sums), *saturated]
    return [
        "ldr r2, [sp, #%(mantissa)d]",
        *(f"smmulr {s}, {s}, r2" for s in sums),
        "ldrd r2, r3, [sp, #%(addend)d]",
        *(f"add {s}, {s}, {s}, asr #31" for s in sums),
        *(f"add {s}, {s}, r2" for s in sums),
        *(f"asr {s}, {s}, r3" for s in sums),
        *saturated,
    ]


def _stored(n: int) -> list[str]:
    """The lower row first: where it is one too many, it lies where the upper one belongs."""
    lines = ["ldrd r2, r3, [sp, #%(step)d]"]
    for upper, lower in (("r4", "r5"), ("r6", "r7"))[:n]:
        lines += [f"strb {lower}, [r0, r3]", f"strb {upper}, [r0]", "add r0, r0, r2"]
    return lines if n > 1 else lines[:-1]


def _row_stored(n: int) -> list[str]:
    lines = ["ldr r2, [sp, #%(step)d]", "strb r4, [r0]"]
    if n > 1:
        lines += ["strb r5, [r0, r2]", "add r0, r0, r2, lsl #1"]
    if n > 2:
        lines += ["strb r6, [r0]", "strb r7, [r0, r2]", "add r0, r0, r2, lsl #1"]
    return lines
