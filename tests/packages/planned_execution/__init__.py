"""Plans carried out on the bytes of their arena, with the reference's arithmetic: what the generated C would do.

Whatever a step may not rely on is filled with noise: the arena before the start, rows that a call does not need, and
scratch. A plan that reads a row too late, overlaps two buffers or wraps a ring too early computes something else.
"""

from planned_execution.arena import run_program
from planned_execution.pseudo_kernels import BOARD, pseudo_kernels

__all__ = ["BOARD", "pseudo_kernels", "run_program"]
