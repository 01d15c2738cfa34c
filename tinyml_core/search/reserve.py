"""Reserve: what a linked binary needs beside its planned arena and constants, told before anything is linked.

Measured on random networks of the bundled spaces, of 7 to 188 layers with weights drawn at random, compiled by zig and
gcc for Cortex-M4 and Cortex-M7, for speed and for SRAM: networks of up to 36 layers have 7 to 15 kB of code, most of it
kernels; larger ones 288 to 509 bytes for each layer, which has calls, requantisation and often kernels of its own.
"""

from __future__ import annotations

STACK_BYTES = 1024
"""SRAM for the stack and static data."""
CODE_BYTES = 16384
"""Flash for the instructions of networks of up to ``FEW_LAYERS`` layers, start-up code included."""
FEW_LAYERS = 38
"""Layers up to which one reserve serves all networks."""
LAYER_CODE_BYTES = 640
"""Flash for the instructions of each layer beyond these."""


def code_reserve(layers: int, few: int = CODE_BYTES, each: int = LAYER_CODE_BYTES) -> int:
    """Flash reserved for the code of a network with so many layers after all passes, in bytes."""
    return few + each * max(0, layers - FEW_LAYERS)
