"""ELF: sizes, load segments and symbols of a linked binary."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tinyml_core.errors import InputError

STACK_SECTION = ".stack"


@dataclass(frozen=True)
class Sizes:
    """Bytes: ``code`` and ``constants`` (with the initial values of .data) in flash, ``static`` in SRAM."""

    code: int
    constants: int
    static: int


@dataclass(frozen=True)
class Image:
    """A binary ready to load.

    ``segments`` are (load address, run address, bytes, size in memory); ``functions`` are (address, name) in order of
    address, one per address; ``symbols`` are addresses by name, functions with the Thumb bit cleared.
    """

    path: Path
    segments: tuple[tuple[int, int, bytes, int], ...]
    symbols: dict[str, int]
    functions: tuple[tuple[int, str], ...]
    code: tuple[int, int]
    """First address of code and the address after the last."""

    def code_bytes(self) -> bytes:
        """What lies between the addresses of ``code``; zero where nothing was linked."""
        base, end = self.code
        memory = bytearray(end - base)
        for _, run, data, _ in self.segments:
            first, last = max(base, run), min(end, run + len(data))
            if first < last:
                memory[first - base : last - base] = data[first - run : last - run]
        return bytes(memory)

    def function_at(self, address: int) -> str:
        """Name of the function that holds an address."""
        index = bisect_right(self.functions, (address, "\U0010ffff")) - 1
        return self.functions[index][1] if index >= 0 and self.code[0] <= address < self.code[1] else f"0x{address:08x}"

    def place(self, address: int) -> str:
        """An address as function and offset, for messages."""
        name = self.function_at(address)
        return f"{name}+0x{address - self.symbols[name]:x}" if name in self.symbols else name


def section_sizes(path: Path) -> Sizes:
    """Sizes of a linked binary, the stack reserve left out."""
    code = constants = static = 0
    with path.open("rb") as stream:
        for section in ELFFile(stream).iter_sections():
            flags, size = section["sh_flags"], section["sh_size"]
            if not flags & SH_FLAGS.SHF_ALLOC or section.name == STACK_SECTION:
                continue
            if flags & SH_FLAGS.SHF_EXECINSTR or section.name == ".vectors":
                code += size
            elif section.name == ".data":
                constants += size
                static += size
            elif section["sh_type"] == "SHT_NOBITS":
                static += size
            else:
                constants += size
    return Sizes(code, constants, static)


def read_image(path: Path) -> Image:
    """Read a binary.

    Raises:
        InputError: it is not a little-endian Arm executable with symbols and code.
    """
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            if elf["e_machine"] != "EM_ARM" or not elf.little_endian or elf["e_type"] != "ET_EXEC":
                raise InputError("not a little-endian Arm executable", place=str(path), remedy="build it again")
            table = elf.get_section_by_name(".symtab")
            code = [s for s in elf.iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_EXECINSTR and s["sh_size"]]
            if not isinstance(table, SymbolTableSection) or not code:
                raise InputError("has no symbols or no code", place=str(path), remedy="build it without stripping")
            segments = tuple(
                (segment["p_paddr"], segment["p_vaddr"], segment.data(), segment["p_memsz"])
                for segment in elf.iter_segments()
                if segment["p_type"] == "PT_LOAD"
            )
            symbols: dict[str, int] = {}
            functions: dict[int, tuple[bool, str]] = {}
            for symbol in table.iter_symbols():
                is_function = symbol["st_info"]["type"] == "STT_FUNC"
                if not symbol.name or symbol["st_shndx"] == "SHN_UNDEF" or symbol.name.startswith("$"):
                    continue
                address = symbol["st_value"] & ~1 if is_function else symbol["st_value"]
                local = symbol["st_info"]["bind"] == "STB_LOCAL"
                if not local or symbol.name not in symbols:
                    symbols[symbol.name] = address
                if is_function:  # of aliases keep a global one, then the first by name, so that reports never vary
                    functions[address] = min(functions.get(address, (local, symbol.name)), (local, symbol.name))
            return Image(
                path,
                segments,
                symbols,
                tuple((address, name) for address, (_, name) in sorted(functions.items())),
                (min(s["sh_addr"] for s in code), max(s["sh_addr"] + s["sh_size"] for s in code)),
            )
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path), remedy="build it first") from error
    except (ELFError, ValueError, KeyError, OverflowError) as error:
        raise InputError(f"is not a readable ELF file ({error})", place=str(path), remedy="build it again") from error
