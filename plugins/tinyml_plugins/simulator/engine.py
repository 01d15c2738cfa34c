"""Engine: the part of Unicorn's Python binding used here, with the types the binding itself does not carry.

Importing this module needs the package ``unicorn``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol

unicorn: Any = importlib.import_module("unicorn")
arm: Any = importlib.import_module("unicorn.arm_const")
EngineError: type[Exception] = unicorn.UcError
"""What the methods below raise; its ``errno`` is one of ``unicorn.UC_ERR_*``."""


class Engine(Protocol):
    """An emulated processor and its memory; addresses and sizes in bytes."""

    def mem_map(self, address: int, size: int, perms: int) -> None:
        """Give the processor memory; both numbers fall on 4096-byte pages."""
        ...

    def mem_read(self, address: int, size: int) -> bytearray:
        """Copy out of memory, whatever its permissions."""
        ...

    def mem_write(self, address: int, data: bytes) -> None:
        """Copy into memory, whatever its permissions."""
        ...

    def reg_read(self, reg_id: int) -> int:
        """A register, unsigned."""
        ...

    def reg_write(self, reg_id: int, value: int) -> None:
        """Set a register."""
        ...

    def hook_add(self, htype: int, callback: Callable[..., object]) -> int:
        """Have ``callback`` called on events."""
        ...

    def hook_del(self, handle: int) -> None:
        """Take a hook back."""
        ...

    def emu_start(self, begin: int, until: int) -> None:
        """Execute from ``begin`` (bit 0: Thumb) until the program counter is ``until``."""
        ...

    def emu_stop(self) -> None:
        """Stop executing, from a hook or another thread."""
        ...

    def context_save(self) -> object:
        """A copy of all registers."""
        ...

    def context_restore(self, context: Any) -> None:  # noqa: ANN401 - the binding's own type
        """Put registers back."""
        ...

    def ctl_flush_tb(self) -> None:
        """Forget translated code."""
        ...

    def ctl_set_cpu_model(self, model: int) -> None:
        """Choose the processor, before anything is mapped."""
        ...


def new_engine(model: str) -> Engine:
    """A processor of the model that Unicorn's constant ``model`` names, without memory."""
    engine: Engine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
    engine.ctl_set_cpu_model(getattr(arm, model))
    return engine
