"""Stack: how deep it grew, by painting the reserve before a call and looking afterwards what was overwritten."""

from __future__ import annotations

from tinyml_core.errors import DeviceFault
from tinyml_plugins.simulator.engine import Engine, EngineError

_PAINT = b"\xd5\x3c\xa6\x91"  # a word no address, small number or ASCII text looks like
_GUARD = 256


class StackPaint:
    """The stack reserve, from ``limit`` (the lowest address) to ``top``."""

    def __init__(self, engine: Engine, limit: int, top: int) -> None:
        self._engine, self.limit, self.top = engine, limit, top
        self._from = top
        self._below: bytes | None = None

    def paint(self, pointer: int) -> None:
        """Paint everything below the stack pointer of a call about to begin, and remember what lies below the reserve.

        Another region may follow downwards without a gap, and then an overflow does not fault.
        """
        self._from = pointer
        self._engine.mem_write(self.limit, _PAINT * ((pointer - self.limit) // len(_PAINT)))
        self._below = self._guard()

    def _guard(self) -> bytes | None:
        try:
            return bytes(self._engine.mem_read(self.limit - _GUARD, _GUARD))
        except EngineError:
            return None  # nothing is mapped there, so that an overflow faults

    def used(self, symbol: str) -> int:
        """Bytes between the painted stack pointer and the lowest byte written since, a multiple of 4.

        Raises:
            DeviceFault: the stack grew past its reserve.
        """
        if self._guard() != self._below:
            raise DeviceFault(
                f"the stack grew past its reserve of {self.top - self.limit} bytes",
                place=symbol,
                remedy="build with a larger stack",
            )
        painted = bytes(self._engine.mem_read(self.limit, self._from - self.limit))
        for offset in range(0, len(painted) - 3, 4):
            if painted[offset : offset + 4] != _PAINT:
                return len(painted) - offset
        return 0
