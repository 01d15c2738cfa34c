"""Real networks on the host: the generated C gives the bytes that TensorFlow Lite Micro computed on a Cortex-M7."""

from pathlib import Path

import numpy as np
import pytest

from tinyml_core import Platform
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.pipeline.passes import apply_passes

MODELS = Path(__file__).resolve().parents[3] / "shared" / "models"
NETWORKS = ("ad01_int8", "kws_ref_model", "mcunet_vww1", "vww_96_int8")


@pytest.mark.skipif(not MODELS.is_dir(), reason="needs ../shared/models beside the checkout")
@pytest.mark.parametrize("simd", [False, True])
def test_host_c_equals_the_golden_outputs(host_library, make_network, simd):
    platform, networks = Platform(), {}
    for index, name in enumerate(NETWORKS):
        graph = apply_passes(platform.load(MODELS / f"{name}.tflite"), platform)
        networks[name] = make_network(graph, f"g{index}", simd=simd)
    library = host_library(list(networks.values()))
    for name, network in networks.items():
        (source,), (output,) = network.graph.inputs, network.graph.outputs
        source, output = network.graph.tensors[source], network.graph.tensors[output]
        with np.load(MODELS / f"{name}.golden.npz") as archive:
            inputs, outputs = archive["inputs"], archive["output0"]
        for sample, expected in zip(inputs, outputs, strict=True):
            if sample.dtype == np.float32:
                sample = quantise_array(sample, source)
            got = np.frombuffer(library.run(network, {source.name: sample.reshape(source.shape)}), output.dtype.numpy)
            if expected.dtype == np.float32:
                got = dequantise_array(got, output)
            np.testing.assert_array_equal(got.ravel(), expected.ravel(), err_msg=name)
