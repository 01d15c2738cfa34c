"""Files that lie: refused in one sentence, or read and computed; nothing else ever."""

import itertools
import resource
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.importers.onnx.mutants import mutants  # noqa: TID251
from tests.importers.onnx.random_networks import Net, quantised, random_network  # noqa: TID251
from tests.importers.onnx.test_exports import pt2e  # noqa: TID251
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import InputError, TinyMLError, UnsupportedError
from tinyml_plugins.importers.onnx.importer import OnnxImporter
from tinyml_plugins.importers.onnx.reading import LARGEST_FILE

LARGEST_INPUT = 1 << 20
"""Elements of an input that are worth computing with in a test."""


def bases(folder):
    yield pt2e(0.03)
    for seed, qdq in ((2, True), (5, False), (10, True), (41, None)):
        model, samples = random_network(seed)
        if qdq is not None:
            quantised(model, samples, folder / "base.onnx", qdq=qdq, per_channel=True, unsigned=seed == 5)
            model = onnx.load(folder / "base.onnx")
        yield model


def survive(folder, count, seed):
    """Read ``count`` mutants of each base; returns how many were accepted and refused."""
    tally, sentences = {"accepted": 0, "refused": 0}, []
    path = folder / "mutant.onnx"
    for base in bases(folder):
        for kind, data in itertools.islice(mutants(base, np.random.default_rng(seed)), count):
            path.write_bytes(data)
            started = time.process_time()
            try:
                graph = OnnxImporter().read(path)
                if all(graph.tensors[name].elements < LARGEST_INPUT for name in graph.inputs):
                    execute(graph, {name: np.zeros(graph.tensors[name].shape, graph.tensors[name].dtype.numpy)
                                    for name in graph.inputs})  # fmt: skip
                tally["accepted"] += 1
            except TinyMLError as error:
                tally["refused"] += 1
                sentences.append(str(error))
            except Exception as error:
                raise AssertionError(f"{kind} made {error!r}") from error
            assert time.process_time() - started < 5, kind
    assert all(each.isprintable() and len(each) < 2000 for each in sentences)
    assert sorted(each.name for each in folder.iterdir()) == ["base.onnx", "mutant.onnx"]
    return tally


def test_mutants_are_refused_or_computed(tmp_path):
    tally = survive(tmp_path, 130, seed=0)
    assert sum(tally.values()) == 650
    assert min(tally.values()) > 50
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1024 * 1024


@pytest.mark.slow
def test_many_mutants(tmp_path):
    print(survive(tmp_path, 2000, seed=1))


def refused(model, tmp_path, error, match):
    path = tmp_path / "m.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    with pytest.raises(error, match=match) as caught:
        OnnxImporter().read(path)
    assert str(caught.value).startswith(str(path))


def small():
    net = Net(np.random.default_rng(0), (1, 2, 4, 4), 17)
    return net.model(net.conv("x", 2, 3), ["N", 3, 2, 2])


def test_a_directory_no_model_and_too_much(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        OnnxImporter().read(tmp_path)
    refused(b"\x00\x01\x02 no model", tmp_path, InputError, "damaged")
    refused(b"", tmp_path, InputError, "no graph")
    with (tmp_path / "m.onnx").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(InputError, match="larger than"):
        OnnxImporter().read(tmp_path / "m.onnx")


def test_external_data_is_never_opened(tmp_path):
    """CVE-2022-25882, CVE-2024-27318: a file beside or above the model."""
    (tmp_path / "secret").write_bytes(b"\x00" * 4096)
    for location in ("secret", "../secret", str(tmp_path / "secret"), "/dev/zero"):
        model = small()
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.append(onnx.StringStringEntryProto(key="location", value=location))
        refused(model, tmp_path, UnsupportedError, "another file")


def test_dynamic_sizes_are_refused_with_a_remedy(tmp_path):
    model = small()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    refused(model, tmp_path, UnsupportedError, "not fixed.*make_dynamic_shape_fixed")


@pytest.mark.parametrize(("opset", "fits"), [(10, False), (11, True), (13, True), (28, True), (29, False)])
def test_opsets(opset, fits, tmp_path):
    model = small()
    model.opset_import[0].version = opset
    if fits:
        (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
        assert OnnxImporter().read(tmp_path / "m.onnx").nodes
    else:
        refused(model, tmp_path, UnsupportedError, f"opset {opset}")


def test_what_is_unknown_is_named(tmp_path):
    model = small()
    model.graph.node[0].domain = "org.example"
    refused(model, tmp_path, UnsupportedError, "org.example")
    model = small()
    model.graph.node[0].op_type = "Einsum"
    refused(model, tmp_path, UnsupportedError, "Einsum")
    model = small()
    model.graph.node[0].attribute.append(helper.make_attribute("newer", 1))
    refused(model, tmp_path, UnsupportedError, "'newer'")
    net = Net(np.random.default_rng(0), (1, 4, 4, 4), 17)
    grouped = net.model(net.conv("x", 4, 3, group=2), ["N", 3, 2, 2])
    refused(grouped, tmp_path, InputError, "2 groups of 2 of 4 channels, 3 filters")


def test_lists_of_millions_and_names_of_kilobytes(tmp_path):
    model = small()
    model.graph.node[0].name = "n" * 10_000
    refused(model, tmp_path, InputError, "a name of 10000 characters")
    model = small()
    model.graph.node[0].attribute[-1].ints[:] = [1] * 1_000_000
    model.graph.node[0].attribute[-1].type = 7
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(TinyMLError) as caught:
        OnnxImporter().read(path)
    assert len(str(caught.value)) < 1000


def _field(number, content):
    size, length = len(content), b""
    while size >= 128:
        size, length = size >> 7, length + bytes([size & 127 | 128])
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


@pytest.mark.parametrize(
    "path",
    [(7, 1), (7, 1, 5), (7, 1, 1), (7, 5, 13), (7, 11, 2, 1, 2, 1), (25, 7)],
    ids=["nodes", "attributes", "inputs", "external data", "sizes", "functions"],
)
def test_millions_of_empty_messages_are_never_parsed(path, tmp_path):
    """Two bytes each in the file, hundreds in memory."""
    content = bytes([path[-1] << 3 | 2, 0]) * 4_000_000
    for number in reversed(path[:-1]):
        content = _field(number, content) if number < 16 else b"\xca\x01" + _field(1, content)[1:]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(content, tmp_path, InputError, "fields")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_an_unsorted_file_is_read(tmp_path):
    net = Net(np.random.default_rng(0), (1, 2, 6, 6), 17)
    model = net.model(net.node("Relu", [net.conv(net.conv("x", 2, 3), 3, 2)]), ["N", 2, 2, 2])
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    assert [node.op.kind for node in OnnxImporter().read(tmp_path / "m.onnx").nodes] == ["conv2d", "conv2d", "clamp"]
