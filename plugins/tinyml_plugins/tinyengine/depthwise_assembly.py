"""The inner loops of ``tinyml_depthwise.h`` as instructions: which product comes when, and which register a word is in.

A *word* is two neighbouring columns of a row of the plane, or two neighbouring taps of a row of weights. Products of a
row are listed in an order that needs few registers; words are loaded before their first use, in pairs where both are
wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

COLUMNS = 4
"""Columns of a channel that lie together."""
SLOT = 32
"""Bytes of four columns of four channels."""
PIXELS = 4
"""Most pixels computed at once."""
SUMS = ("s0", "s1", "s2", "s3")


class Product(NamedTuple):
    """``pixel`` gets the products of a word of the plane and one of the weights."""

    word: int
    instruction: str
    pixel: int
    weight: int


class Words(NamedTuple):
    """Words of one kind: the registers there are for them, and the address of a word as C operand."""

    registers: Sequence[str]
    pointer: str
    offsets: Sequence[int]


def first_column(k: int) -> int:
    """The column of the plane at which, with a column stride of 1, the window of pixel 0 starts.

    It makes an image that is padded by half a window start at an even column.
    """
    return k // 2 % 2


def passes(k: int, stride: int, n: int) -> list[list[Product]]:
    """The products of a row of ``k`` taps for ``n`` pixels; words are loaded anew for each pass.

    With a column stride of 1 the words of weights are (0, 1), (1, 2), (2, 3) ..., with 2 they are (0, 1), (2, 3) ...
    """
    if stride == 1:
        return [[each for each in _dense_row(k) if each.pixel < n]]
    words = list(range((k + 1) // 2))
    groups = [words[:2], words[2:]] if len(words) > 3 else [words]
    return [
        [
            Product(group[0] + i, "smlad", i - place, weight)
            for i in range(n + len(group) - 1)
            for place, weight in enumerate(group)
            if 0 <= i - place < n
        ]
        for group in groups
    ]


def _dense_row(k: int) -> Iterable[Product]:
    half, first = k // 2, first_column(k)
    for i in range(half):
        even, odd = (2 * i, 2 * i + 1)
        if first:
            if i == 0:
                yield Product(0, "smlatb", 0, even)
                yield Product(1, "smlatb", 2, even)
            for u in (0, 1):
                yield Product(1 + i + u, "smlad", 2 * u + 1, even)
                yield Product(1 + i + u, "smlad", 2 * u, odd)
        else:
            for u in (0, 1):
                if i == 0:
                    yield Product(u, "smlatb", 2 * u + 1, even)
                yield Product(i + u, "smlad", 2 * u, even)
            for u in (0, 1):
                yield Product(1 + i + u, "smlad", 2 * u + 1, odd)
    for u in (0, 1):
        yield Product(half + u + first, "smlabt", 2 * u + first, 2 * half - 1)


def _loaded(products: Sequence[Product], kind: str, words: Words) -> dict[int, tuple[list[str], dict[int, str]]]:
    """By place in the list: the loads in front of a product, and where the words of that kind then lie."""
    uses = [getattr(product, kind) for product in products]
    placed: dict[int, str] = {}
    result = {}
    for place, word in enumerate(uses):
        loads = []
        if word not in placed:
            left = set(uses[place:])
            free = [each for each in words.registers if each not in [r for w, r in placed.items() if w in left]]
            wanted = [each for each in (word - word % 2, word - word % 2 + 1) if each in left and each not in placed]
            placed = {w: r for w, r in placed.items() if w in left} | dict(zip(wanted, free, strict=False))
            names = ", ".join(f"%[{placed[each]}]" for each in wanted)
            load = "ldrd" if len(wanted) == 2 else "ldr"
            loads = [f"{load} {names}, [%[{words.pointer}], #{words.offsets[wanted[0]]}]"]
        result[place] = (loads, dict(placed))
    return result


def registers(k: int, stride: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Registers for words of the plane, and of the weights."""
    if k == 5:
        return (("d0", "d1", "d2"), ("w0", "w1")) if stride == 1 else (("d0", "d1"), ("w0", "w1", "d2"))
    return ("d0", "d1"), ("w0", "w1")


def block(k: int, stride: int, n: int) -> list[str]:
    """Instructions that load the bias and sum up all products of ``n`` pixels.

    With four pixels, the pointer into the plane moves on to the next four.
    """
    planes, weights = registers(k, stride)
    per_row = k - 1 if stride == 1 else (k + 1) // 2
    move = SLOT * k * stride if n == PIXELS else 0
    started: set[int] = set()
    lines: list[str] = []
    for slot in (*range(1, k), 0):
        for number, products in enumerate(passes(k, stride, n)):
            past = move if slot == 0 else 0
            words = range(max(product.word for product in products) + 2)
            at = [SLOT * (k * (word // 2) + slot) + 4 * (word % 2) - past for word in words]
            taps = [4 * (slot * per_row + word) for word in range(per_row + 1)]
            data = _loaded(products, "word", Words(planes, "from", at))
            filters = _loaded(products, "weight", Words(weights, "w", taps))
            bias = max(range(n), key=lambda pixel: next(i for i, each in enumerate(products) if each.pixel == pixel))
            if not lines:
                lines.append(f"ldr %[{SUMS[bias]}], [%[q]]")
            for place, product in enumerate(products):
                loads = filters[place][0] + data[place][0]
                if past and number == 0 and place == 0:
                    loads[-1] = loads[-1].replace(f", #{-past}]", f"], #{past}")
                lines += loads
                total = SUMS[product.pixel]
                addend = total if product.pixel in started else SUMS[bias]
                started.add(product.pixel)
                registers_ = data[place][1][product.word], filters[place][1][product.weight]
                lines.append(f"{product.instruction} %[{total}], %[{registers_[0]}], %[{registers_[1]}], %[{addend}]")
    return lines


def requantised(k: int, n: int, rounding: str) -> list[str]:
    """Instructions that requantise and store ``n`` sums."""
    lines = ["ldrd %[w0], %[w1], [%[q], #8]"]
    if rounding == "tflite":
        lines.append("ldr %[d0], [%[q], #4]")
    for total in SUMS[:n]:
        if rounding == "tflite":
            lines += [
                f"smmulr %[{total}], %[{total}], %[w0]",
                f"add %[{total}], %[{total}], %[{total}], asr #31",
                f"add %[{total}], %[{total}], %[w1]",
                f"asr %[{total}], %[{total}], %[d0]",
            ]
        else:
            lines.append(f"smmlar %[{total}], %[{total}], %[w0], %[w1]")
        lines.append(f"ssat %[{total}], #8, %[{total}]")
    if n > 1:
        lines.append("ldrd %[d0], %[d1], [%[q], #16]")
    places = ("", ", %[d0]", ", %[d0], lsl #1", ", %[d1]")
    return lines + [f"strb %[{total}], [%[to]{place}]" for total, place in zip(SUMS[:n], places, strict=False)]


def group(k: int, stride: int, rounding: str, record: int) -> list[str]:
    """The instructions for a row of all channels of a group, whose records are ``record`` bytes apart."""

    def pixels(n: int) -> list[str]:
        return block(k, stride, n) + requantised(k, n, rounding)

    end = ["ldr %[w0], [%[q], #24]", "cmp %[from], %[w0]"] if k == 5 else ["cmp %[from], %[end]"]
    return [
        "1:",
        *([] if k == 5 else ["ldr %[end], [%[q], #24]"]),
        *end,
        "beq 3f",
        "2:",
        *pixels(4),
        "add %[to], %[to], %[d0], lsl #2",
        *end,
        "bne 2b",
        "3:",
        "ldr %[d0], [%[q], #28]",
        "cmp %[d0], #1",
        "blo 6f",
        "beq 5f",
        "cmp %[d0], #2",
        "beq 4f",
        *pixels(3),
        "b 6f",
        "4:",
        *pixels(2),
        "b 6f",
        "5:",
        *pixels(1),
        "6:",
        "ldrd %[d0], %[d1], [%[q], #32]",
        "add %[from], %[from], %[d0]",
        "add %[to], %[to], %[d1]",
        "ldr %[d0], [%[q], #40]",
        f"add %[q], %[q], #{record}",
        f"add %[w], %[w], #{record}",
        "cmp %[d0], #0",
        "bne 1b",
    ]
