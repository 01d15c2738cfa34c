"""Firmware: linker script and start-up code.

Code goes to the first flash region, constants to ``DROM`` where the profile has it: the instruction bus of the
ESP32-C3 reads whole words only. The stack lies at the bottom of its region, so that running out of it leaves the
memory there is.
"""

from __future__ import annotations

from tinyml_core.errors import InputError
from tinyml_core.hardware.profile import HardwareProfile

CONSTANTS = "DROM"
"""The flash region of constants, where there is one of this name."""

_SECTIONS = """\
ENTRY(_start)

SECTIONS
{{
  .text : {{ *(.text.start) *(.text .text.*) }} > {code}
  .rodata : {{ *(.rodata .rodata.* .srodata .srodata.*) . = ALIGN(4); }} > {constants}
  .stack (NOLOAD) : {{ __stack_limit = .; . += {stack}; . = ALIGN(16); __stack_top = .; }} > {region}
  .data : {{ . = ALIGN(16); __data_start = .; *(.data .data.* .sdata .sdata.*) . = ALIGN(4); __data_end = .; }}
    > {region} AT > {constants}
  __data_load = LOADADDR(.data);
  .bss (NOLOAD) : {{ . = ALIGN(16); __bss_start = .; *(.bss .bss.* .sbss .sbss.* COMMON) . = ALIGN(4); __bss_end = .; }}
    > {region}
  /DISCARD/ : {{ *(.comment .note.* .debug_* .eh_frame .eh_frame_hdr) }}
}}
"""

STARTUP = """\
/* Start-up code: the stack, .data, .bss, then main. Clocks and the flash cache are the boot loader's business. */
#include <stdint.h>

extern uint32_t __data_load, __data_start, __data_end, __bss_start, __bss_end;
int main(void);
void _start(void);
void start_in_c(void);

__attribute__((naked, section(".text.start"))) void _start(void)
{
    __asm__("la sp, __stack_top\\n\\tj start_in_c");
}

__attribute__((used)) void start_in_c(void)
{
    const uint32_t *from = &__data_load;
    for (uint32_t *to = &__data_start; to < &__data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = &__bss_start; to < &__bss_end;) {
        *to++ = 0;
    }
    (void)main();
    for (;;) {
    }
}
"""


def linker_script(profile: HardwareProfile, region: str, stack: int) -> str:
    """Linker script with ``stack`` bytes, .data and .bss in ``region``.

    Raises:
        InputError: the profile has no such SRAM region.
    """
    home = profile.region(region)
    if home.kind != "sram":
        raise InputError(
            f"region {region!r} is flash", place=f"target {profile.name}", remedy="choose an SRAM region for the data"
        )
    code = next(each.name for each in profile.regions if each.kind == "flash" and each.name != CONSTANTS)
    constants = CONSTANTS if any(each.name == CONSTANTS for each in profile.regions) else code
    memory = "".join(
        f"  {each.name} ({'rx' if each.kind == 'flash' else 'rw'}) : "
        f"ORIGIN = 0x{each.origin:08X}, LENGTH = 0x{each.size:X}\n"
        for each in profile.regions
    )
    return f"MEMORY\n{{\n{memory}}}\n\n" + _SECTIONS.format(
        code=code, constants=constants, region=home.name, stack=stack
    )
