"""Passes keep the outputs of int16x8 networks to the bit, in both roundings."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, Rounding
from tinyml_core.graph.operators import Clamp
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.platform import Platform
from tinyml_core.testing.random_int16 import MAKERS, random_int16_graph

WITH_CLAMPS = ("convolution", "depthwise", "movement", "relu")
"""Nodes that passes merge."""


@pytest.mark.parametrize("rounding", list(Rounding))
def test_outputs_stay_the_same(rounding):
    platform, changed, fused = Platform(), 0, 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        kinds = WITH_CLAMPS if seed % 2 else tuple(MAKERS)
        graph = random_int16_graph(rng, rounding, nodes=6, kinds=kinds, crossings=seed % 4 == 3)
        (name,) = graph.inputs
        source = graph.tensors[name]
        if source.dtype is DType.INT16:
            value = rng.integers(-32768, 32768, source.shape).astype(np.int16)
        else:
            value = rng.normal(scale=4.0, size=source.shape).astype(np.float32)
        rewritten = apply_passes(graph, platform)
        results = execute(rewritten, {name: value})
        for output, expected in execute(graph, {name: value}).items():
            assert np.array_equal(results[output], expected), f"seed {seed}, {output}"
        changed += len(rewritten.nodes) < len(graph.nodes)
        clamps = [sum(isinstance(node.op, Clamp) for node in each.nodes) for each in (graph, rewritten)]
        fused += clamps[1] < clamps[0]
    assert changed >= 30
    assert fused >= 3
