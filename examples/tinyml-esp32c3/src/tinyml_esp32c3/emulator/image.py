"""Image: segments and symbols of a linked RISC-V binary."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tinyml_core.errors import InputError


@dataclass(frozen=True)
class Image:
    """A binary ready to load: ``segments`` are (load address, run address, bytes); ``functions`` are in order."""

    path: Path
    segments: tuple[tuple[int, int, bytes], ...]
    symbols: dict[str, int]
    functions: tuple[tuple[int, str], ...]

    def function_at(self, address: int) -> str:
        """Name of the function that holds an address."""
        index = bisect_right(self.functions, (address, "\U0010ffff")) - 1
        return self.functions[index][1] if index >= 0 else f"0x{address:08x}"


def read_image(path: Path) -> Image:
    """Read a binary.

    Raises:
        InputError: it is no RISC-V executable with symbols.
    """
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            table = elf.get_section_by_name(".symtab")
            if (elf["e_machine"], elf["e_type"]) != ("EM_RISCV", "ET_EXEC") or not isinstance(
                table, SymbolTableSection
            ):
                raise InputError("is no RISC-V executable with symbols", place=str(path), remedy="build it again")
            segments = tuple(
                (each["p_paddr"], each["p_vaddr"], each.data())
                for each in elf.iter_segments()
                if each["p_type"] == "PT_LOAD"
            )
            symbols = [each for each in table.iter_symbols() if each.name and each["st_shndx"] != "SHN_UNDEF"]
            return Image(
                path,
                segments,
                {each.name: each["st_value"] for each in symbols},
                tuple(
                    sorted((each["st_value"], each.name) for each in symbols if each["st_info"]["type"] == "STT_FUNC")
                ),
            )
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path), remedy="build it first") from error
    except (ELFError, ValueError, KeyError, OverflowError) as error:
        raise InputError(f"is not a readable ELF file ({error})", place=str(path), remedy="build it again") from error
