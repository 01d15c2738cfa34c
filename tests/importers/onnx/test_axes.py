"""``Graph.axes``: the layout of the source survives saving, is checked, and is what batches and comparisons see."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import GraphError, InputError
from tinyml_core.graph import DType, GraphBuilder
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.compare import identical
from tinyml_core.graph.operators import RELU, Clamp
from tinyml_core.graph.serialise import digest, load, save
from tinyml_core.graph.verify import verify


@pytest.fixture
def graph():
    builder = GraphBuilder("g")
    x = builder.input("x", (1, 4, 5, 3), DType.FLOAT32)
    y = builder.node(Clamp(RELU), [x], name="y")
    return replace(builder.build([y]), axes={"x": (0, 2, 3, 1), "y": (0, 2, 3, 1)})


def test_saved_and_loaded(graph, tmp_path):
    save(graph, tmp_path / "g.tinyml")
    again = load(tmp_path / "g.tinyml")
    assert identical(graph, again)
    assert again.axes == graph.axes
    assert digest(graph) != digest(replace(graph, axes={}))
    assert not identical(graph, replace(graph, axes={}))


@pytest.mark.parametrize("axes", [{"x": (0, 1, 2)}, {"x": (0, 1, 1, 2)}, {"x": (0, 1, 2, 4)}, {"nobody": (0,)}])
def test_only_permutations_of_ports(graph, axes):
    with pytest.raises(GraphError, match="source layout"):
        verify(replace(graph, axes=axes))


def test_a_damaged_layout_in_a_file(graph, tmp_path):
    save(graph, tmp_path / "g.tinyml")
    with zipfile.ZipFile(tmp_path / "g.tinyml") as archive:
        document = json.loads(archive.read("graph.json"))
    for axes in ({"x": [0, 2, 3, 9]}, {"x": "abc"}, {"z": [0]}, [1]):
        document["axes"] = axes
        with zipfile.ZipFile(tmp_path / "bad.tinyml", "w") as archive:
            archive.writestr("graph.json", json.dumps(document))
        with pytest.raises(InputError):
            load(tmp_path / "bad.tinyml")


def test_a_batch_keeps_the_layout(graph):
    wide = verify(with_batch(graph, 3))
    assert wide.axes == graph.axes
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(execute(wide, {"x": x})["y"], np.maximum(x, 0))
