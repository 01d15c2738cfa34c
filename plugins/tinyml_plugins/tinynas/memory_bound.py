"""The planner's lower bound of many chain networks at once.

A network is a row of steps; a step that a network does not have costs nothing and is passed. Everything follows
:class:`tinyml_core.program.stages.Stages` and :func:`tinyml_core.program.cuts.least_peak`: a stage is a whole layer, or
a segment by rows whose bytes are what lives outside, the rings of what closes inside, carried state, what leaves, and
the greatest scratch. The dynamic program runs from the last step to the first, because the greatest scratch of a
segment then grows by one comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tinyml_core.program.program import progress_bytes
from tinyml_core.program.stages import LONGEST
from tinyml_plugins.tinynas.layer_needs import NEVER

Bytes = npt.NDArray[np.int32]


class Step(NamedTuple):
    """Bytes of a step."""

    whole: int
    """Alive while the whole layer runs."""
    outside: int
    """Alive before the step and still needed."""
    scratch: int
    """Of the layer by rows; :data:`NEVER` where it does not go by rows."""
    leaving: int
    """Output of the step."""
    held: int = 0
    """Residual input that is still needed after the step."""
    ring: int = 0
    """Rings of inputs that nobody reads after the step, and state of the layer by rows."""
    entering: int = 0
    """Of ``ring``, the input that the step before has written: it lies outside a segment that starts here."""
    residual_ring: int = 0
    """Ring of the residual input, in every step from the one that reads it to the one that adds it."""


ABSENT = Step(whole=0, outside=NEVER, scratch=0, leaving=NEVER)
"""A step that a network does not have: nothing starts or ends there, and everything passes."""


def whole_peak(steps: Bytes) -> Bytes:
    """Least bytes of networks [networks] that run layer by layer; ``steps`` is [fields of Step, steps, networks]."""
    peak: Bytes = Step(*steps).whole.max(axis=0)  # type: ignore[attr-defined]
    return peak


def least_peak(steps: Bytes, until_add: Sequence[int], *, pushed: bool) -> Bytes:
    """Least bytes of networks [networks] whose layers may go by rows.

    Args:
        steps: [fields of Step, steps, networks].
        until_add: for each step, steps to the one that adds the residual input, in networks that have one there.
        pushed: whether the rows of the input come one at a time.
    """
    whole, outside, scratch, leaving, held, ring, entering, residual = steps
    count = len(whole)
    closed = np.cumsum(ring, axis=0, dtype=np.int32)
    ends = closed + leaving + held
    present = np.cumsum(leaving < NEVER, axis=0, dtype=np.int32)
    greatest = np.zeros_like(scratch)
    ahead = np.zeros((count + 1, whole.shape[1]), np.int32)
    for first in reversed(range(count)):
        np.maximum(greatest[first:], scratch[first], out=greatest[first:])
        base = outside[first] - entering[first] - residual[first]
        if first:
            base -= closed[first - 1]
        elif pushed:
            base = np.zeros_like(base)
        segments = ends[first:] + greatest[first:]
        segments += base
        # A residual input from outside lies there as a whole until it is added, and needs no ring.
        segments[: until_add[first]] += residual[first] - held[first]
        if pushed and not first:
            segments += progress_bytes(present)  # type: ignore[arg-type]  # linear, so of arrays as well
        if count - first > LONGEST:
            before = present[first - 1] if first else 0
            segments[LONGEST:][present[first + LONGEST :] - before > LONGEST] = NEVER
        np.maximum(segments, ahead[first + 1 :], out=segments)
        ahead[first] = segments.min(axis=0)
        if first or not pushed:
            np.minimum(ahead[first], np.maximum(whole[first], ahead[first + 1]), out=ahead[first])
    peak: Bytes = ahead[0]
    return peak
