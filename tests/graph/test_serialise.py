"""Saved graphs: nothing lost, and the same bytes every time."""

import dataclasses
import math
import os
import zipfile

import numpy as np
import pytest

from saved_graphs import small
from tinyml_core.errors import InputError
from tinyml_core.graph import DType, Graph, GraphBuilder, Node, Quantization, Rounding, Tensor, serialise
from tinyml_core.graph.compare import identical
from tinyml_core.graph.operators import (
    OPERATORS,
    BatchNorm,
    Clamp,
    FullyConnected,
    MaxPool2D,
    Quantize,
    Softmax,
)
from tinyml_core.graph.serialise import digest, load, save
from tinyml_core.testing.random_graphs import choose_from, random_graph


def there_and_back(graph, tmp_path):
    save(graph, tmp_path / "model.tinyml")
    return load(tmp_path / "model.tinyml")


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_come_back_whole(seed, tmp_path):
    graph = random_graph(choose_from(np.random.default_rng(seed)), crossings=seed % 2 == 0)
    again = there_and_back(graph, tmp_path)
    assert identical(graph, again)
    assert list(graph.tensors) == list(again.tensors)
    assert digest(graph) == digest(again)


def test_every_attribute_type_comes_back(tmp_path):
    b = GraphBuilder("ä \x00 \u202e \"'", Rounding.SINGLE)
    x = b.input("x/\n..", (1, 4, 4, 2), DType.FLOAT32)
    p = [b.constant(f"p{i}", np.array([0.1, -0.0], np.float32)) for i in range(4)]
    y = b.node(BatchNorm(1e-3, (-math.inf, 6.0)), [x, *p])
    z = b.node(MaxPool2D(stride=(2, 1), padding=(1, 0, 0, 1), kernel=(2, 3), activation=(0.1, math.inf)), [y])
    s = b.node(Softmax(0.1), [z])
    q = b.node(Quantize("uint8"), [s], quantization=Quantization.per_tensor(1e-7, 255))
    graph = b.build([q, y])
    assert identical(graph, there_and_back(graph, tmp_path))


@pytest.mark.parametrize("dtype", DType)
def test_every_type_of_constant_comes_back(dtype, tmp_path):
    quantization = Quantization.per_tensor(0.1) if dtype.is_integer else None
    data = {"x": np.arange(-3, 3).astype(dtype.numpy).reshape(2, 3), "scalar": np.array(1, dtype.numpy)}
    tensors = {n: Tensor(n, array.shape, dtype, quantization, array) for n, array in data.items()}
    graph = Graph("constants", tensors, (), (), ("x", "scalar"))
    assert identical(graph, there_and_back(graph, tmp_path))


def test_arrays_of_any_layout_come_back(tmp_path):
    b = GraphBuilder("layout")
    source = np.arange(12, dtype=np.float32).reshape(3, 4)
    names = [b.constant("turned", source.T), b.constant("sliced", source[:, ::2]), b.zeros("zeros", (5, 5))]
    graph = b.build(names)
    assert identical(graph, there_and_back(graph, tmp_path))


def test_every_operator_can_be_saved(tmp_path):
    for kind in OPERATORS.values():
        record = serialise.write_document(Graph("g", {}, (Node("n", kind(), ("a",), ("b",)),), (), ()))
        graph, _ = serialise.read_document(record, "here")
        assert graph.nodes[0].op == kind()


def test_the_same_graph_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        save(small(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_digest_sees_everything_that_counts():
    graph = small()
    others = [
        dataclasses.replace(graph, rounding=Rounding.SINGLE),
        dataclasses.replace(
            graph,
            tensors={**graph.tensors, "w": dataclasses.replace(graph.tensors["w"], data=graph.tensors["w"].data + 1)},
        ),
        dataclasses.replace(graph, nodes=(dataclasses.replace(graph.nodes[0], op=FullyConnected()),)),
    ]
    assert len({digest(g) for g in (graph, *others)}) == 4
    assert digest(graph) == digest(small())
    assert digest(graph) == "9958c4d6d2df54384410eecab30800b48b114d4c7376c14d26690646d12d5060"


def test_saving_replaces_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "model.tinyml"
    path.write_text("old")
    save(small(), path)
    assert identical(load(path), small())
    assert os.listdir(tmp_path) == ["model.tinyml"]


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.tinyml"
    save(small(), path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(InputError, match=r"model\.tinyml: cannot be written: No space left"):
        save(dataclasses.replace(small(), name="other"), path)
    assert os.listdir(tmp_path) == ["model.tinyml"]
    assert load(path).name == "small"


def test_saving_where_there_is_no_folder(tmp_path):
    with pytest.raises(InputError, match="cannot be written: No such file"):
        save(small(), tmp_path / "nowhere" / "model.tinyml")


# Hostile files


def test_a_clamp_keeps_its_infinities(tmp_path):
    b = GraphBuilder("inf")
    graph = b.build([b.node(Clamp((-math.inf, math.inf)), [b.input("x", (1,), DType.FLOAT32)])])
    assert there_and_back(graph, tmp_path).nodes[0].op.activation == (-math.inf, math.inf)
