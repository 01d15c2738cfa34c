"""Rounds: what calls of a compiled program compute one after the other, the last sample of an update differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.graph.graph import Graph
from tinyml_core.pipeline.manifest import Manifest
from tinyml_core.pipeline.samples import Array
from tinyml_core.training.rewriting import pruned


class Rounds:
    """The reference of a program, call by call; without accumulation every call is the last of its round."""

    def __init__(self, graph: Graph, manifest: Manifest) -> None:
        self._graph, self._learning, self._invoke = graph, manifest.learning, manifest.invoke
        self._whole = ReferenceExecutor(graph)
        self.samples = 1 if self._learning is None else self._learning.samples
        """Calls of a round."""
        if self._learning is not None and self.samples > 1:
            partial = pruned(replace(graph, outputs=self._learning.accumulation, state={}))
            self._partial = ReferenceExecutor(partial)

    def symbol(self, call: int) -> str:
        """The C function of a call, counted from 0."""
        return self._invoke if self._learning is None or self._last(call) else self._learning.accumulate

    def expected(self, call: int, sample: Mapping[str, Array], state: Mapping[str, Array]) -> dict[str, Array]:
        """All outputs of a call; those that replace state and are not computed keep what it held."""
        given = {**sample, **state}
        if not self._last(call):
            return {updated: state[name] for name, updated in self._graph.state.items()} | self._partial.run(given)
        found = self._whole.run(given)
        sums = () if self._learning is None else self._learning.sums
        return found | {self._graph.state[name]: np.zeros_like(state[name]) for name in sums}

    def _last(self, call: int) -> bool:
        return (call + 1) % self.samples == 0
