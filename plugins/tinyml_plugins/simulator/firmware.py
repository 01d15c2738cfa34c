"""Firmware: the linker script and start-up code that make generated sources a complete program.

The stack lies at the bottom of its region, below .data and .bss: running out of it leaves the region and faults, on a
board and on the emulator alike, instead of overwriting the network's arena.
"""

from __future__ import annotations

import re

from tinyml_core.errors import InputError
from tinyml_core.hardware.profile import HardwareProfile, MemoryRegion
from tinyml_plugins.simulator.cores import fpu_of

LINKER_SCRIPT = "linker.ld"
STARTUP = "startup.c"

_SECTIONS = """\
ENTRY(Reset_Handler)

SECTIONS
{{
  .vectors : {{ KEEP(*(.vectors)) }} > {flash}
  .text : {{ *(.text .text.*) }} > {flash}
  .rodata : {{ *(.rodata .rodata.*) . = ALIGN(4); }} > {flash}
  .stack (NOLOAD) : {{ __stack_limit = .; . += {stack}; . = ALIGN(8); __stack_top = .; }} > {region}
  .data : {{ . = ALIGN(8); __data_start = .; *(.data .data.*) . = ALIGN(4); __data_end = .; }} > {region} AT > {flash}
  __data_load = LOADADDR(.data);
  .bss (NOLOAD) : {{ . = ALIGN(8); __bss_start = .; *(.bss .bss.* COMMON) . = ALIGN(4); __bss_end = .; }} > {region}
  /DISCARD/ : {{ *(.comment .note.* .debug_* .ARM.exidx* .ARM.extab*) }}
}}
"""

_STARTUP = """\
/* Start-up code: vector table and Reset_Handler. Clocks and caches are the board's business. */
#include <stdint.h>

extern uint32_t __stack_top, __data_load, __data_start, __data_end, __bss_start, __bss_end;
int main(void);
void Reset_Handler(void);
void Default_Handler(void);

void Default_Handler(void)
{
    for (;;) {
    }
}

void Reset_Handler(void)
{
%(fpu)s    const uint32_t *from = &__data_load;
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

typedef void (*vector)(void);

struct vectors {
    uint32_t *stack;
    vector handlers[15];
};

/* Initial stack pointer, Reset, NMI, HardFault ... SysTick: the system exceptions of Armv6-M to Armv8-M. */
extern const struct vectors vector_table;
__attribute__((section(".vectors"), used)) const struct vectors vector_table = {
    &__stack_top,
    {Reset_Handler, Default_Handler, Default_Handler, Default_Handler, Default_Handler, Default_Handler,
     Default_Handler, Default_Handler, Default_Handler, Default_Handler, Default_Handler, Default_Handler,
     Default_Handler, Default_Handler, Default_Handler},
};
"""

_ENABLE_FPU = """\
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* CPACR: full access to CP10 and CP11, the FPU */
    __asm__ volatile("dsb\\n\\tisb" ::: "memory");
"""


def link_name(region: MemoryRegion) -> str:
    """A region's name in the linker script: upper case, nothing but letters, digits and underscores."""
    return re.sub(r"[^A-Z0-9_]", "_", f"{region.name.upper()}") if region.name[:1].isalpha() else f"R_{region.origin:X}"


def linker_script(profile: HardwareProfile, region: str, stack: int) -> str:
    """Linker script: code in the largest flash, ``stack`` bytes, then .data and .bss in the region called ``region``.

    Raises:
        InputError: the profile has no such SRAM region, or two regions of one name, or ``stack`` is negative.
    """
    home = profile.region(region)
    if home.kind != "sram":
        raise InputError(
            f"region {region!r} is flash", place=f"target {profile.name}", remedy="choose an SRAM region for the data"
        )
    if stack < 0:
        raise InputError(f"a stack of {stack} bytes", remedy="give a size of at least 0")
    names = [link_name(each) for each in profile.regions]
    if len(set(names)) < len(names):
        raise InputError("two memory regions share a name", place=f"target {profile.name}", remedy="rename one")
    memory = "\n".join(
        f"  {link_name(each)} ({'rx' if each.kind == 'flash' else 'rw'}) : "
        f"ORIGIN = 0x{each.origin:08X}, LENGTH = 0x{each.size:X}"
        for each in profile.regions
    )
    flash = link_name(profile.largest("flash"))
    return f"MEMORY\n{{\n{memory}\n}}\n\n" + _SECTIONS.format(flash=flash, region=link_name(home), stack=stack)


def startup_source(profile: HardwareProfile) -> str:
    """C source of the vector table and ``Reset_Handler``, which calls ``main``."""
    return _STARTUP % {"fpu": _ENABLE_FPU if fpu_of(profile) else ""}
