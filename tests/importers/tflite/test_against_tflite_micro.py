"""Random networks: file -> importer -> reference executor against file -> TensorFlow Lite Micro; no byte may differ."""

import numpy as np
import pytest

from tests.arithmetic.test_against_tflite_micro import ACTIVATIONS, within_32_bits  # noqa: TID251
from tests.arithmetic.tflite_writer import NotExpressible, runtime, to_tflite  # noqa: TID251
from tests.importers.tflite.authoring import read  # noqa: TID251
from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.graph import DType, Rounding
from tinyml_core.testing.random_graphs import choose_from, random_graph, random_inputs


def computed(graph, values):
    """Outputs in order, as the network in the file has them: float at the borders where ``values`` are."""
    source = graph.tensors[graph.inputs[0]]
    crossed = values.dtype == np.float32 and source.dtype is not DType.FLOAT32
    results = execute(graph, {source.name: quantise_array(values, source) if crossed else values})
    return [results[name] for name in graph.outputs]


def differing(ours, theirs, tensor):
    if theirs.dtype == np.float32 and ours.dtype != np.float32:
        ours = dequantise_array(ours, tensor)
    return int(np.count_nonzero(ours.view(np.uint8) != theirs.view(np.uint8)))


def sweep(seeds, folder):
    """Imports and executes random networks; returns how many could be compared."""
    compared = 0
    for seed in seeds:
        choose = choose_from(np.random.default_rng(seed))
        graph = random_graph(choose, roundings=[Rounding.TFLITE], activations=ACTIVATIONS, crossings=seed % 4 == 0)
        (values,) = random_inputs(graph, choose).values()
        if values.dtype == np.float32:
            values = np.clip(values, -1e5, 1e5)  # beyond int32, C's conversion from float is undefined
        try:
            file = to_tflite(graph)
        except NotExpressible:
            continue
        if not within_32_bits(graph):
            continue
        imported = read(file, folder, float_borders=seed % 8 == 0)
        interpreter = runtime.Interpreter.from_bytes(file, arena_size=1 << 20)
        interpreter.set_input(values, 0)
        interpreter.invoke()
        ours, written = computed(imported, values), computed(graph, values)
        assert len(ours) == len(written), f"seed {seed}"
        for index, (got, expected, name) in enumerate(zip(ours, written, imported.outputs, strict=True)):
            tensor = imported.tensors[name]
            assert differing(got, interpreter.get_output(index), tensor) == 0, f"seed {seed}, output {index}"
            assert differing(got, expected, tensor) == 0, f"seed {seed}, output {index}"
        compared += 1
    return compared


def test_random_networks(tmp_path):
    assert sweep(range(1400), tmp_path) >= 500


@pytest.mark.slow
def test_random_networks_in_numbers(tmp_path):
    assert sweep(range(1400, 15000), tmp_path) >= 5000
