"""Text of a page: figures for people, and names from files that can only ever be read.

Escaping for HTML is the template's; here every character that is not printable, such as one that reverses the direction
of writing, becomes visible, and what is too long loses its middle.
"""

from __future__ import annotations

LONGEST = 120
"""Characters of a name; converters join the names of all that they fuse."""
SPACES = "\u00a0\u202f"
"""Those that keep a figure in one line."""
THOUSANDS = (("", 1), ("k", 10**3), ("M", 10**6), ("G", 10**9))


def visible(text: str) -> str:
    """``text`` with every character that is not printable written as an escape."""
    return text if text.isprintable() else "".join(_escaped(each) for each in text)


def _escaped(character: str) -> str:
    plain = character.isprintable() or character in SPACES
    return character if plain else character.encode("unicode_escape").decode("ascii")


def printable(text: object, longest: int = LONGEST) -> str:
    """``text`` in one line of at most ``longest`` characters."""
    found = visible(str(text)[: 2 * longest] + str(text)[2 * longest :][-longest:])
    if len(found) <= longest:
        return found
    half = (longest - 1) // 2
    return f"{found[:half]}…{found[-half:]}"


def count(number: float | None) -> str:
    """A whole number with separators; a dash where there is none."""
    return "–" if number is None else f"{number:,.0f}".replace(",", "\u202f")


def kilobytes(number: float | None) -> str:
    """Bytes as kB of 1000 B, in three digits or more."""
    if number is None:
        return "–"
    if number < 1000:
        return f"{number:.0f} B"
    return f"{number / 1000:.{1 if number < 100_000 else 0}f} kB"


def short(number: float | None) -> str:
    """A number in three digits and a prefix, such as 1.23 M."""
    if number is None:
        return "–"
    prefix, unit = next(((p, u) for p, u in reversed(THOUSANDS) if abs(number) >= u), THOUSANDS[0])
    scaled = number / unit
    return f"{scaled:.{0 if scaled >= 100 or unit == 1 else 1 if scaled >= 10 else 2}f}{' ' if prefix else ''}{prefix}"


def decimal(number: float | None, digits: int = 2) -> str:
    """A number with a fixed count of decimals."""
    return "–" if number is None else f"{number:.{digits}f}"


def share(number: float | None, digits: int = 1) -> str:
    """A share of 1 in percent."""
    return "–" if number is None else f"{100 * number:.{digits}f}\u00a0%"


def shape(sizes: list[int] | tuple[int, ...]) -> str:
    """A shape, the leading axis of 1 left out."""
    rest = sizes[1:] if len(sizes) > 1 and sizes[0] == 1 else sizes
    return " × ".join(str(size) for size in rest) or "1"
