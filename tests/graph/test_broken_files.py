"""Broken files of saved graphs: every one is refused in one sentence."""

import contextlib
import dataclasses
import io
import json
import math
import random
import struct
import zipfile

import numpy as np
import pytest

from saved_graphs import small
from tinyml_core.errors import InputError
from tinyml_core.graph import serialise
from tinyml_core.graph.compare import identical
from tinyml_core.graph.operators import (
    OPERATORS,
)
from tinyml_core.graph.serialise import load, save


def members(graph):
    result = {"graph.json": serialise.write_document(graph)}
    for index, tensor in enumerate(graph.tensors.values()):
        if tensor.data is not None:
            stream = io.BytesIO()
            np.save(stream, tensor.data)
            result[f"data/{index}.npy"] = stream.getvalue()
    return result


def written(path, contents, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def refused(path, problem):
    with pytest.raises(InputError, match=problem) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < 600


def changed(tmp_path, change):
    """A file whose document was changed by a function of the JSON object."""
    contents = members(small())
    document = json.loads(contents["graph.json"])
    change(document)
    contents["graph.json"] = json.dumps(document).encode()
    return written(tmp_path / "model.tinyml", contents)


def test_the_way_files_are_made_here_is_sound(tmp_path):
    assert identical(load(changed(tmp_path, lambda document: None)), small())


def node(document):
    return document["nodes"][0]


def tensor(document, name):
    return next(t for t in document["tensors"] if t["name"] == name)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d: d.pop("nodes"), "nodes: field required"),
        (lambda d: d.update(extra=1), "extra: extra inputs are not permitted"),
        (lambda d: d.update(format=2), "format: input should be 1"),
        (lambda d: d.update(rounding="up"), "rounding: input should be"),
        (lambda d: d.update(nodes={}), "nodes: input should be"),
        (lambda d: d.update(outputs=[]), "has no outputs"),
        (lambda d: d.update(outputs=["z"]), "'z': is never computed"),
        (lambda d: d.update(inputs=["z"]), "'z': is no variable"),
        (lambda d: node(d).update(op="explode"), "node 'y': has the unknown operator 'explode'"),
        (lambda d: node(d).update(op="__class__"), "unknown operator"),
        (lambda d: node(d).update(attributes={}), "node 'y': activation: field required"),
        (lambda d: node(d)["attributes"].update(activation=[0]), r"node 'y': activation\.1: field required"),
        (lambda d: node(d)["attributes"].update(activation=["0", "1"]), r"activation\.0: input should be a valid num"),
        (lambda d: node(d)["attributes"].update(activation=[math.nan, 1.0]), "node 'y': has an attribute that is not"),
        (lambda d: node(d)["attributes"].update(kernel=3), "kernel: extra inputs"),
        (lambda d: node(d).update(op="softmax", attributes={"beta": True}), "beta: input should be a valid number"),
        (lambda d: node(d).update(op="pad", attributes={"padding": [[1, 2.5]]}), r"padding\.0\.1: input should be"),
        (lambda d: node(d).update(op="quantize", attributes={"dtype": "int9"}, inputs=["x"]), "type 'int9' is unknown"),
        (lambda d: node(d).update(inputs=["x", "nothing"]), "reads tensor 'nothing', which does not exist"),
        (lambda d: node(d).update(inputs=["x", "y"]), "reads tensor 'y' before it is computed"),
        (lambda d: node(d).update(outputs=["x"]), "writes tensor 'x', which has a value already"),
        (lambda d: node(d).update(outputs=[]), "has 0 outputs, computes 1"),
        (lambda d: d["nodes"].append(node(d)), "another node has the same name"),
        (lambda d: d["tensors"].append(d["tensors"][0]), "tensor 'x': is there twice"),
        (lambda d: tensor(d, "x").update(shape=[1, 4]), "input has 4 features"),
        (lambda d: tensor(d, "x").update(shape=[1, -3]), "sizes start at 1"),
        (lambda d: tensor(d, "x").update(shape=[1 << 40, 3]), "claims 3298534883328 bytes"),
        (lambda d: tensor(d, "x").update(shape=[True]), "shape.0: input should be a valid integer"),
        (lambda d: tensor(d, "x").update(dtype="object"), "dtype: input should be 'int8'"),
        (lambda d: tensor(d, "w").update(shape=[3, 2]), r"tensor 'w': its data has shape \[2, 3\]"),
        (lambda d: tensor(d, "w").update(dtype="uint8"), "its data has .* int8"),
        (lambda d: tensor(d, "w")["quantization"].update(axis=7), "quantised along axis 7"),
        (lambda d: tensor(d, "w")["quantization"].update(scale=[0.5]), "has 1 scales"),
        (lambda d: tensor(d, "x")["quantization"].update(scale=[math.nan]), "scale nan, which is no positive float32"),
        (lambda d: tensor(d, "x")["quantization"].update(scale=[math.inf]), "scale inf"),
        (lambda d: tensor(d, "x")["quantization"].update(scale=[0.1]), "scale 0.1, which is no positive float32"),
        (lambda d: tensor(d, "x")["quantization"].update(scale=[-0.5]), "scale -0.5"),
        (lambda d: tensor(d, "x")["quantization"].update(scale=[1e-300]), "scale 1e-300"),
        (lambda d: tensor(d, "x")["quantization"].update(scale=[1e300]), "scale 1e"),
        (lambda d: tensor(d, "x")["quantization"].update(zero_point=[128]), "zero point outside"),
        (lambda d: tensor(d, "x").update(constant=True), "lacks data/0.npy"),
        (lambda d: tensor(d, "w").update(constant=False), "unexpected member 'data/1.npy'"),
    ],
)
def test_wrong_documents(change, problem, tmp_path):
    refused(changed(tmp_path, change), problem)


def places(value):
    """(container, key) of everything inside a JSON value."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(part, dict | list):
            yield from places(part)


@pytest.mark.parametrize("seed", range(8))
def test_any_attribute_of_any_operator_may_be_anything(seed, tmp_path):
    rng = random.Random(seed)
    strange = [0, -1, 2, 1 << 40, 10**30, True, None, "x", [], [1], [0, 0], 1.5, math.inf, -math.inf, {}, [[1, 2]]]
    loaded = 0
    for kind, operator in OPERATORS.items():
        defaults = dataclasses.asdict(operator())
        for _ in range(8):

            def change(document, kind=kind, defaults=defaults):
                node(document).update(op=kind, attributes=json.loads(json.dumps(defaults)))
                node(document)["inputs"] = rng.choices(["x", "w", "b"], k=rng.randint(1, 3))
                for container, key in rng.sample([*places(node(document)["attributes"]), (document, "name")], 1):
                    container[key] = rng.choice(strange)

            with contextlib.suppress(InputError):
                load(changed(tmp_path, change))
                loaded += 1
    assert loaded < 8 * len(OPERATORS)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "invalid JSON"),
        (b"[]", "the document: input should be"),
        (b"{", "invalid JSON"),
        (b"[" * 100_000, "invalid JSON"),
        (b'{"format": ' + b"9" * 5000 + b"}", "format|invalid JSON"),
        (b'{"name": "\xff"}', "invalid JSON"),
        (b'{"name": "\\ud800"}', "invalid JSON|field required"),
    ],
)
def test_documents_that_are_no_json(text, problem, tmp_path):
    refused(written(tmp_path / "model.tinyml", {**members(small()), "graph.json": text}), problem)


def test_nesting_in_attributes(tmp_path):
    deep = json.loads("[" * 150 + "]" * 150)
    refused(changed(tmp_path, lambda d: node(d)["attributes"].update(activation=deep)), "activation")


def npy_header(shape, descr="|i1"):
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is damaged"),
        (b"\x93NUMPY\x01\x00", "is damaged"),
        (npy_header((1 << 62, 1 << 62)), "is damaged"),
        (npy_header((2, 3)) + b"12345", "is damaged"),
        (npy_header((2, 3)) + b"12345" * 200, "is damaged"),
        (npy_header((2, 3), "|O") + b"123456", "holds object, not numbers"),
        (npy_header((-2, -3)) + b"123456", "data"),
        (npy_header((2, 3), "|S1") + b"123456", "not numbers"),
        (npy_header((6,)) + b"123456", r"its data has shape \[6\]"),
        (b"\x93NUMPY\x09\x00" + b"\0" * 50, "is damaged"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535, "is damaged"),
    ],
)
def test_wrong_data(data, problem, tmp_path):
    refused(written(tmp_path / "model.tinyml", {**members(small()), "data/1.npy": data}), problem)


def test_pickles_are_not_read(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.array([print], object), allow_pickle=True)
    refused(
        written(tmp_path / "model.tinyml", {**members(small()), "data/1.npy": stream.getvalue()}),
        "holds object, not numbers",
    )


def test_truncated_anywhere(tmp_path):
    save(small(), tmp_path / "whole.tinyml")
    data = (tmp_path / "whole.tinyml").read_bytes()
    for length in range(0, len(data), 7):
        (tmp_path / "cut.tinyml").write_bytes(data[:length])
        refused(tmp_path / "cut.tinyml", "no saved graph")


def test_flipped_bytes_never_crash(tmp_path):
    save(small(), tmp_path / "whole.tinyml")
    data = (tmp_path / "whole.tinyml").read_bytes()
    rng = np.random.default_rng(0)
    path, refusals = tmp_path / "flipped.tinyml", 0
    for _ in range(1500):
        broken = bytearray(data)
        for position in rng.integers(0, len(data), rng.integers(1, 4)):
            broken[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(broken)
        try:
            load(path)
        except InputError:
            refusals += 1
    assert refusals > 1200  # the rest hit fields of the archive that nobody reads, such as dates


def test_what_is_no_archive_or_not_there(tmp_path):
    (tmp_path / "text").write_text("not a zip")
    refused(tmp_path / "text", "no saved graph: File is not a zip file")
    refused(tmp_path / "nothing", "cannot be read: No such file")
    refused(tmp_path, "cannot be read: Is a directory")


def test_members_that_do_not_belong(tmp_path):
    path = tmp_path / "model.tinyml"
    refused(written(path, {**members(small()), "../evil": b""}), r"unexpected member '\.\./evil'")
    refused(written(path, {"data/1.npy": b""}), "holds no graph.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("graph.json", b"{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("graph.json", b"{}")
    refused(path, "two members of the same name")


def test_compressed_members_are_refused(tmp_path):
    refused(written(tmp_path / "m", {"graph.json": b" " * (1 << 22)}, zipfile.ZIP_DEFLATED), "is compressed")


def test_sizes_are_summed_before_anything_is_read(tmp_path, monkeypatch):
    save(small(), tmp_path / "model.tinyml")
    monkeypatch.setattr(serialise, "LARGEST_FILE", 1000)
    monkeypatch.setattr(zipfile.ZipFile, "read", None)
    refused(tmp_path / "model.tinyml", "unpacks to .* bytes, the limit is 1000")


def test_a_document_may_only_be_so_large(tmp_path, monkeypatch):
    save(small(), tmp_path / "model.tinyml")
    monkeypatch.setattr(serialise, "LARGEST_DOCUMENT", 1000)
    refused(tmp_path / "model.tinyml", "graph.json: is larger than 1000 bytes")


def test_a_size_the_directory_lies_about(tmp_path):
    path = tmp_path / "model.tinyml"
    save(small(), path)
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 0xFFFFFF00)
    path.write_bytes(data)
    refused(path, "unpacks to 42949")


def test_names_from_a_file_stay_within_one_line(tmp_path):
    def rename(document):
        node(document).update(name="evil\n\x1b[31m", op="nothing\n")

    path = changed(tmp_path, rename)
    refused(path, r"evil\\n\\x1b\[31m")
