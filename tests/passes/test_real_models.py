"""Networks that people use: how much of them computes constants, and that their outputs stay what they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.graph.operators import Transpose
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.platform import Platform

MODELS = Path(__file__).parents[3] / "shared" / "models"
SHRINKS = {"vww_96_int8": 0.45, "mcunet_vww1": 0.05, "kws_ref_model": 0.0, "ad01_int8": 0.0}
"""Least share of the multiply-accumulates that vanishes."""


@pytest.mark.parametrize("name", SHRINKS)
def test_golden_outputs_stay_and_work_vanishes(name):
    if not (MODELS / f"{name}.tflite").is_file():
        pytest.skip(f"{MODELS} holds no {name}.tflite")
    platform = Platform()
    graph = platform.load(MODELS / f"{name}.tflite")
    rewritten = apply_passes(graph, platform)
    assert rewritten.macs <= (1 - SHRINKS[name]) * graph.macs
    assert not [node for node in rewritten.nodes if isinstance(node.op, Transpose)]  # mcunet_vww1 has one
    executor = ReferenceExecutor(rewritten)
    source, result = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    with np.load(MODELS / f"{name}.golden.npz") as golden:
        samples, expected = golden["inputs"], golden["output0"]
    for sample, wanted in zip(samples, expected, strict=True):
        if sample.dtype != source.dtype.numpy:  # the file speaks float at its borders
            sample = quantise_array(sample, source)
        got = executor.run({source.name: sample.reshape(source.shape)})[result.name]
        if wanted.dtype != result.dtype.numpy:
            got = dequantise_array(got, result)
        assert got.tobytes() == wanted.tobytes()
