"""Parts of networks of the ``mcunet`` space: what stem, blocks and head need, tabulated by their shapes.

A block's bytes follow from its own shape, from what the code generator declares of its layers and the planner
simulates of its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tinyml_core.search.survey import SurveyTask
from tinyml_plugins.tinynas.layer_needs import Layer, LayerNeeds
from tinyml_plugins.tinynas.layers import divisible, halved
from tinyml_plugins.tinynas.mcunet import MIX
from tinyml_plugins.tinynas.memory_bound import ABSENT, Step, whole_peak
from tinyml_plugins.tinynas.row_rings import block_rings, window_rows

BLOCK_STEPS = 4
"""Expand, filter, project, add."""


class Part(NamedTuple):
    """Consecutive steps with what they cost together."""

    steps: tuple[Step, ...]
    flash: int
    macs: int


class Table(NamedTuple):
    """Parts that a network may have at one place; the last row is that it has none."""

    steps: npt.NDArray[np.int32]
    """[fields of Step, steps, parts]."""
    peaks: npt.NDArray[np.int32]
    """[parts]: greatest bytes of the part layer by layer."""
    flash: npt.NDArray[np.int64]
    macs: npt.NDArray[np.int64]


def tabulate(parts: Sequence[Part]) -> Table:
    """The table of parts that have equally many steps."""
    absent = Part((ABSENT,) * len(parts[0].steps), 0, 0)
    rows = [*parts, absent]
    steps = np.array([part.steps for part in rows], np.int32).transpose(2, 1, 0)
    flash, macs = (np.array([getattr(part, name) for part in rows], np.int64) for name in ("flash", "macs"))
    return Table(steps, whole_peak(steps), flash, macs)


class McuNetParts:
    """Makes parts, each different block once."""

    def __init__(self, task: SurveyTask) -> None:
        self.needs = LayerNeeds(task.generator, task.profile)
        self._channels, self._classes = task.sample_shape[2], task.classes
        self.block = lru_cache(maxsize=None)(self._block)
        """The part of an inverted bottleneck."""

    def start(self, size: int, stem: int, narrow: int) -> Part:
        """Stem and first block."""
        half = halved(size)
        layers = [
            Layer("convolution", size, self._channels, stem, 3, 2),
            Layer("depthwise", half, stem, stem, 3),
            Layer("convolution", half, stem, narrow),
        ]
        return self._chain(layers)

    def end(self, width: float, mix_layer: bool, size: int, channels: int) -> Part:
        """What comes behind the last block."""
        layers = []
        if mix_layer:
            mixed = divisible(MIX * max(width, 1.0))
            layers.append(Layer("convolution", size, channels, mixed))
            channels = mixed
        layers += [Layer("mean", size, channels, channels), Layer("dense", 1, channels, self._classes)]
        return self._chain(layers)

    def _chain(self, layers: Sequence[Layer]) -> Part:
        """Layers one after the other."""
        steps = []
        for layer in layers:
            need, row = self.needs[layer], layer.size * layer.channels
            source = layer.size * row
            target = self._written(layer)
            entering = 0
            if layer.kind != "dense":
                entering = window_rows(layer.kind, layer.size, layer.kernel, layer.stride) * row
            steps.append(Step(
                source + need.shared, source, need.row_scratch, target, ring=entering + need.state, entering=entering,
            ))  # fmt: skip
        return self._part(steps, layers)

    def _block(self, size: int, before: int, after: int, kernel: int, expansion: int, stride: int) -> Part:
        """An inverted bottleneck."""
        inner, small = before * expansion, -(-size // stride)
        layers = [
            Layer("convolution", size, before, inner),
            Layer("depthwise", size, inner, inner, kernel, stride),
            Layer("convolution", small, inner, after),
        ]
        residual = stride == 1 and before == after
        rings = block_rings(size, kernel, stride, residual)
        expand, depthwise, project = (self.needs[layer] for layer in layers)
        x, row = size * size * before, size * before
        held, kept = (x, rings.residual * row) if residual else (0, 0)
        wide, filtered, narrow = size * size * inner, small * small * inner, small * small * after
        first = window_rows("convolution", size, 1, 1) * row if not residual else 0
        second, third = rings.expanded * size * inner, rings.filtered * small * inner
        steps = [
            Step(
                x + (expand.apart if residual else expand.shared), x, expand.row_scratch, wide, held,
                first + expand.state, first, kept,
            ),
            Step(
                wide + held + depthwise.shared, wide + held, depthwise.row_scratch, filtered, held,
                second + depthwise.state, second, kept,
            ),
            Step(
                filtered + held + project.shared, filtered + held, project.row_scratch, narrow, held,
                third + project.state, third, kept,
            ),
        ]  # fmt: skip
        if residual:
            layers.append(Layer("add", size, after, after))
            add, fourth = self.needs[layers[-1]], rings.projected * row
            steps.append(Step(
                narrow + x + add.shared, narrow + x, add.row_scratch, narrow, 0,
                fourth + kept + add.state, fourth, kept,
            ))  # fmt: skip
        else:
            steps.append(ABSENT)
        return self._part(steps, layers)

    def _part(self, steps: Sequence[Step], layers: Sequence[Layer]) -> Part:
        needs = [self.needs[layer] for layer in layers]
        return Part(tuple(steps), sum(need.flash for need in needs), sum(need.macs for need in needs))

    def _written(self, layer: Layer) -> int:
        """Bytes of a layer's output."""
        size = -(-layer.size // layer.stride)
        return layer.filters if layer.kind in ("mean", "dense") else size * size * layer.filters
