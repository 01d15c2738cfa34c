"""Costs of many random networks of the ``mcunet`` space, without a graph for each.

A network is a chain of parts, each of which is a row of a table: what many networks cost is looked up at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tinyml_core.errors import UnsupportedError
from tinyml_core.search.candidate import Choice
from tinyml_core.search.survey import ExecutionMode, Survey, SurveyTask
from tinyml_plugins.tinynas.layer_needs import NEVER
from tinyml_plugins.tinynas.layers import divisible, halved
from tinyml_plugins.tinynas.mcunet import FIRST, STAGES, STEM, McuNetSpace
from tinyml_plugins.tinynas.mcunet_parts import BLOCK_STEPS, McuNetParts, Table, tabulate
from tinyml_plugins.tinynas.memory_bound import least_peak
from tinyml_plugins.tinynas.population import Population

CHUNK = 1000
"""Networks computed at once: their steps stay in the processor's cache."""


class McuNetSurveyor:
    """Tables of layers and blocks, filled as networks ask for them; shared by the spaces of a grid."""

    def __init__(self, task: SurveyTask) -> None:
        self.parts = McuNetParts(task)

    def surveys(
        self, space: McuNetSpace, cells: Sequence[Mapping[str, Choice]], samples: int, seed: int, mode: ExecutionMode
    ) -> list[Survey]:
        """Costs of random networks of each cell of the grid; a cell is a width multiplier and a resolution."""
        found = []
        for number, cell in enumerate(cells):
            width, resolution = float(cell["widths"]), int(cell["resolutions"])
            there = replace(space, widths=(width,), resolutions=(resolution,))
            population = Population(there.tree, samples, np.random.default_rng([seed, number]))
            found.append(self.survey(there, population, mode))
        return found

    def survey(self, space: McuNetSpace, population: Population, mode: ExecutionMode) -> Survey:
        """Costs of a population of ``space``, which has one width multiplier and one resolution.

        Raises:
            UnsupportedError: the code generator cannot run these networks in this mode.
        """
        parts, chosen = self._parts(space, population)
        flash = sum((table.flash[index] for table, index in zip(parts, chosen, strict=True)), np.int64(0))
        macs = sum((table.macs[index] for table, index in zip(parts, chosen, strict=True)), np.int64(0))
        arena = np.concatenate([
            self._arena(parts, [index[start : start + CHUNK] for index in chosen], mode)
            for start in range(0, population.count, CHUNK)
        ])  # fmt: skip
        if (arena >= NEVER).any():
            raise UnsupportedError(
                "the code generator has no kernels for it", place=f"execution mode {mode}", remedy="choose another one"
            )
        return Survey(np.asarray(macs), arena.astype(np.int64), np.asarray(flash))

    def _arena(
        self, parts: Sequence[Table], chosen: Sequence[npt.NDArray[np.intp]], mode: ExecutionMode
    ) -> npt.NDArray[np.int32]:
        if mode == "layers":
            peaks = [table.peaks[index] for table, index in zip(parts, chosen, strict=True)]
            greatest: npt.NDArray[np.int32] = np.max(peaks, axis=0)
            return greatest
        steps = np.concatenate([table.steps[:, :, index] for table, index in zip(parts, chosen, strict=True)], axis=1)
        until_add = [
            BLOCK_STEPS - 1 - step if table.steps.shape[1] == BLOCK_STEPS else 0
            for table in parts
            for step in range(table.steps.shape[1])
        ]
        return least_peak(steps, until_add, pushed=mode == "rows")

    def _parts(self, space: McuNetSpace, population: Population) -> tuple[list[Table], list[npt.NDArray[np.intp]]]:
        """The tables of consecutive parts, and which row of each a network of the population has."""
        (width,), (size,) = space.widths, space.resolutions
        none = np.zeros(population.count, np.intp)
        stem, narrow = divisible(STEM * width), divisible(FIRST * width)
        parts, chosen = [tabulate([self.parts.start(size, stem, narrow)])], [none]
        size, current, widths = halved(size), none, [narrow]
        options = (len(space.kernels), len(space.expansions), len(space.block_widths))
        counts = population.counts()
        for stage, shape in enumerate(STAGES, start=1):
            out = sorted({divisible(shape.width * width * each) for each in space.block_widths})
            place = np.array([out.index(divisible(shape.width * width * each)) for each in space.block_widths])
            for block in range(1, (max(space.depths) if shape.deep else 1) + 1):
                stride = shape.stride if block == 1 else 1
                parts.append(tabulate([
                    self.parts.block(size, before, divisible(shape.width * width * after), kernel, expansion, stride)
                    for before in widths for kernel in space.kernels
                    for expansion in space.expansions for after in space.block_widths
                ]))  # fmt: skip
                kernels, expansions, after = (
                    population.chosen[f"{name}{stage}.{block}"] for name in ("kernel", "expansion", "width")
                )
                index = ((current * options[0] + kernels) * options[1] + expansions) * options[2] + after
                there = counts[f"depth{stage}"] >= block
                chosen.append(np.where(there, index, -1))
                # behind the first block of a stage all networks have one of its widths
                current = place[after] if block == 1 else np.where(there, place[after], current)
                if block == 1:
                    widths, size = out, -(-size // stride)
        parts.append(tabulate([self.parts.end(width, space.mix_layer, size, before) for before in widths]))
        chosen.append(current)
        return parts, chosen
