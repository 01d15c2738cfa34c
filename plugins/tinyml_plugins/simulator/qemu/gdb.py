"""The remote serial protocol of GDB, by which QEMU lets a program be loaded, started and looked into.

Source: "Debugging with GDB", appendix "GDB Remote Serial Protocol".
"""

from __future__ import annotations

import subprocess

_CHUNK = 1024
"""Bytes a packet carries: QEMU takes packets of 4096 characters, two for each byte."""


class ConnectionLostError(Exception):
    """The machine is gone."""


class MemoryRefusedError(Exception):
    """The machine has no memory at an address."""


class Debugger:
    """A stopped machine at the other end of a process's pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout
        self.ask("qXfer:features:read:target.xml:0,400")  # QEMU sets single registers only for those who have asked

    def ask(self, packet: str) -> str:
        """The answer to a packet; raises ConnectionLostError when there is none."""
        data = packet.encode("ascii")
        try:
            self._to.write(b"$%b#%02x" % (data, sum(data) % 256))
            self._to.flush()
        except OSError as error:
            raise ConnectionLostError from error
        self._skip_to(b"+")
        return self._answer()

    def _answer(self) -> str:
        self._skip_to(b"$")
        text = b""
        while (byte := self._byte()) != b"#":
            text += byte
        self._byte(), self._byte()  # the checksum: a pipe loses nothing
        self._to.write(b"+")
        self._to.flush()
        return text.decode("ascii")

    def _skip_to(self, wanted: bytes) -> None:
        while self._byte() != wanted:
            pass

    def _byte(self) -> bytes:
        byte = self._from.read(1)
        if not byte:
            raise ConnectionLostError
        return byte

    def read(self, address: int, size: int) -> bytes:
        """Memory; raises MemoryRefusedError where there is none."""
        data = b""
        while len(data) < size:
            answer = self.ask(f"m{address + len(data):x},{min(_CHUNK, size - len(data)):x}")
            if answer.startswith("E"):
                raise MemoryRefusedError
            data += bytes.fromhex(answer)
        return data

    def write(self, address: int, data: bytes) -> None:
        """Change memory, flash included; raises MemoryRefusedError where there is none."""
        for at in range(0, len(data), _CHUNK):
            chunk = data[at : at + _CHUNK]
            if self.ask(f"M{address + at:x},{len(chunk):x}:{chunk.hex()}") != "OK":
                raise MemoryRefusedError

    def set_register(self, number: int, value: int) -> None:
        """Set r0 to r15, or xPSR (25)."""
        self.ask(f"P{number:x}={value.to_bytes(4, 'little').hex()}")

    def registers(self) -> list[int]:
        """r0 to r15."""
        data = bytes.fromhex(self.ask("g"))
        return [int.from_bytes(data[at : at + 4], "little") for at in range(0, 64, 4)]

    def stop_at(self, address: int) -> None:
        """Set a breakpoint for good."""
        self.ask(f"Z0,{address:x},2")

    def go(self) -> None:
        """Run to a breakpoint."""
        self.ask("c")
