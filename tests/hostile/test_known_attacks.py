"""One test for each kind of attack that other tools have had to patch, through the door that commands use."""

import json
import os
import struct
import sys
import zipfile

import numpy as np
import pytest
from onnx import TensorProto

from tinyml_core.config import read_project
from tinyml_core.errors import InputError, ToolchainError, UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Add, Conv2D, FullyConnected
from tinyml_core.graph.serialise import save
from tinyml_core.graph.verify import MOST_NODES
from tinyml_core.npz import read_npz
from tinyml_core.pipeline.compilation import CompileOptions, choose_toolchain
from tinyml_core.testing.isolation import Limits, isolated

LOCATIONS = [
    "secret", "./secret", "../secret", "/etc/passwd", "link", "hard", "folder/secret", "/dev/zero", "pipe", "", ".",
    "model.onnx", "a\0b", "SECRET", "x" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("location", LOCATIONS, ids=range(len(LOCATIONS)))
def test_external_data_is_never_opened(location, onnx_file, platform, tmp_path):
    """CVE-2022-25882, 2024-27318, 2026-27489 (paths, symbolic links), 2026-34446 (hard links)."""
    (tmp_path / "secret").write_bytes(bytes(144))
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.link(tmp_path / "secret", tmp_path / "hard")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").symlink_to(tmp_path)

    def move(model):
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    path = onnx_file(move)
    opened = []

    def work():
        platform.load(onnx_file())  # imports what it needs
        path.write_bytes(hostile)
        sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None)
        with pytest.raises(UnsupportedError, match="external"):
            platform.load(path)
        return "\n".join(opened)

    hostile = path.read_bytes()
    verdict = isolated(work, Limits())
    assert verdict.outcome == "accepted", verdict.detail
    assert set(verdict.detail.split("\n")) == {str(path)}


def test_saving_does_not_write_through_links(tmp_path):
    """CVE-2025-51480: what an output's name links to stays as it is."""
    (tmp_path / "precious").write_text("precious")
    os.link(tmp_path / "precious", tmp_path / "hard.tinyml")
    (tmp_path / "soft.tinyml").symlink_to(tmp_path / "precious")
    graph = _sum()
    for name in ("hard.tinyml", "soft.tinyml"):
        save(graph, tmp_path / name)
    assert (tmp_path / "precious").read_text() == "precious"


def test_members_of_an_archive_stay_in_it(tmp_path):
    """CVE-2024-5187: nothing is unpacked to disk, whatever a member is called."""
    inside = tmp_path / "inside"
    inside.mkdir()
    with zipfile.ZipFile(inside / "x.npz", "w") as archive:
        for name in ("../evil.npy", "/tmp/evil.npy", "..\\evil.npy"):
            archive.writestr(name, b"evil")
    with pytest.raises(InputError):
        read_npz(inside / "x.npz")
    assert [path.name for path in tmp_path.rglob("*")] == ["inside", "x.npz"]


@pytest.mark.parametrize("key", ["__class__", "__init__", "location", "data", "_parsed"])
def test_keys_of_a_file_set_nothing(key, onnx_file, judged):
    """CVE-2026-34445: a key is data; an unknown one does no harm or is refused."""

    def add(model):
        model.graph.initializer[0].external_data.add(key=key, value="evil")
        model.graph.node[0].attribute.add(name=key, type=2, i=1)

    verdict = judged(onnx_file(add))
    assert verdict.outcome == "refused", verdict
    assert key in verdict.detail or "external" in verdict.detail


def test_the_file_that_reads_outside_itself(tmp_path, judged):
    """tensorflow#115308: eight bytes whose root lies behind them; also every shorter and longer sort of nothing."""
    path = tmp_path / "model.tflite"
    for data in (bytes.fromhex("1800000054464c33"), b"", b"TFL3", struct.pack("<I", 4) + b"TFL3" + b"\xff" * 64):
        path.write_bytes(data)
        assert judged(path).outcome == "refused", data


@pytest.mark.parametrize("size", [-(2**63), -1, 0, 2**31, 2**40, 2**62, 2**63 - 1])
def test_sizes_neither_overflow_nor_allocate(size, onnx_file, judged):
    """tflite-micro#3071: products of sizes beyond any word."""

    def grow(model):
        model.graph.initializer[0].dims[0] = size
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = size

    verdict = judged(onnx_file(grow), memory=64 << 20)
    assert verdict.outcome == "refused", verdict


@pytest.mark.parametrize(
    "attributes", [{"strides": [0, 1]}, {"dilations": [0, 0]}, {"group": 0}, {"kernel_shape": [0, 0]}]
)
def test_nothing_is_divided_by_zero(attributes, onnx_file, judged):
    verdict = judged(onnx_file(**attributes))
    assert verdict.outcome == "refused", verdict


def test_padding_alone_cannot_ask_for_memory(tmp_path, judged, onnx_file):
    """Strides keep the output small while the padded input holds gigabytes."""
    b = GraphBuilder("g")
    x = b.input("x", (1, 1, 1, 1), DType.INT8, Quantization.per_tensor(0.1))
    w = b.constant("w", np.ones((1, 1, 1, 1), np.int8), Quantization.per_tensor(0.1))
    with pytest.raises(Exception, match="padded input has 1600080001 bytes"):
        b.node(
            Conv2D(stride=(40_000, 40_000), padding=(20_000,) * 4), [x, w], quantization=Quantization.per_tensor(0.1)
        )
    verdict = judged(onnx_file(pads=[20_000] * 4, strides=[40_000, 40_000]), memory=64 << 20)
    assert verdict.outcome == "refused", verdict


def test_more_nodes_than_can_be_planned(tmp_path, judged):
    b = GraphBuilder("chain")
    y = x = b.input("x", (1, 4), DType.INT8, Quantization.per_tensor(0.1))
    for _ in range(MOST_NODES):
        y = b.node(Add(), [y, x], quantization=Quantization.per_tensor(0.1))
    graph = b.build([y])
    save(graph, tmp_path / "most.tinyml")
    assert judged(tmp_path / "most.tinyml").outcome == "accepted"
    y = b.node(Add(), [y, x], quantization=Quantization.per_tensor(0.1))
    save(b.build([y]), tmp_path / "more.tinyml")
    verdict = judged(tmp_path / "more.tinyml")
    assert verdict.outcome == "refused"
    assert f"the limit is {MOST_NODES}" in verdict.detail


class _Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickles_are_not_opened(tmp_path, judged):
    """CVE-2025-32434, 2026-24747: objects in an array run code when unpickled."""
    np.savez(tmp_path / "x.npz", x=np.array([_Bomb(tmp_path / "run")], object))
    with pytest.raises(InputError, match="object, not numbers"):
        read_npz(tmp_path / "x.npz")
    for suffix in (".tinyml", ".onnx", ".tflite"):
        path = (tmp_path / "x.npz").rename(tmp_path / f"x{suffix}")
        assert judged(path).outcome == "refused"
        path.rename(tmp_path / "x.npz")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("suffix", [".h5", ".keras", ".pt", ".pth", ".pkl", ".joblib", ".pb"])
def test_formats_that_hold_programs_are_refused(suffix, tmp_path, judged):
    """CVE-2024-3660, 2025-1550, 2026-1462: layers that are code."""
    (tmp_path / f"model{suffix}").write_bytes(b"\x89HDF\r\n")
    verdict = judged(tmp_path / f"model{suffix}")
    assert verdict.outcome == "refused"
    assert ".tflite" in verdict.detail


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.mkdir", "!!python/object/new:os.mkdir", "!!python/name:os.mkdir"]
)
def test_yaml_makes_no_objects(tag, tmp_path, platform):
    """CVE-2017-18342, 2020-1747."""
    path = tmp_path / "project.yaml"
    path.write_text(f"name: {tag} ['{tmp_path / 'run'}']\n")
    for read in (read_project, lambda path: platform.target(str(path))):
        with pytest.raises(InputError, match=r"project\.yaml"):
            read(path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("key", ["a[b", "[", "", "a.b", "\x1b[31m"])
def test_keys_that_no_section_has(key, tmp_path):
    """Found by the mutants: a key with a bracket was taken for a part of the schema."""
    path = tmp_path / "project.yaml"
    for document in ({key: 1}, {"search": {key: 1}}):
        path.write_text(json.dumps(document))
        with pytest.raises(InputError, match="unknown key"):
            read_project(path)


@pytest.mark.parametrize("weight", [np.nan, np.inf, 1.0])
def test_weights_that_are_no_numbers(weight, platform, tmp_path):
    """Found by the mutants: what is not a number on the core is not a number in the reference, whatever its bits."""
    pytest.importorskip("ziglang")
    pytest.importorskip("unicorn")
    b = GraphBuilder("g")
    x = b.input("x", (1, 4), DType.FLOAT32)
    w = b.constant("w", np.array([[weight, 1, -1, 2], [1, 2, 3, 4]], np.float32))
    platform.compile(b.build([b.node(FullyConnected(), [x, w])]), "stm32f746", tmp_path / "out")
    for value in (0.0, 1.0):
        execution = platform.run(tmp_path / "out", {"x": np.full((1, 1, 4), value, np.float32)})
        assert execution.exact
        assert execution.differing_bytes == 0


def test_no_silent_fallback(tmp_path, platform, onnx_file, monkeypatch):
    """Neither another reader nor another compiler stands in for the one that was asked for."""
    model = onnx_file()
    with pytest.raises(InputError, match="no TensorFlow Lite file"):
        platform.load(model.rename(tmp_path / "model.tflite"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match="gcc"):
        choose_toolchain(platform, "gcc", CompileOptions().toolchain_options)


@pytest.mark.parametrize("depth", [10, 30, 33, 200])
def test_graphs_within_graphs(depth, tmp_path, judged):
    """flatbuffers#9268: records that nest in themselves; the bytes are written by hand, since encoders stop earlier."""

    def field(number, content):
        return bytes([number << 3 | 2]) + _varint(len(content)) + content

    inner = b""
    for _ in range(depth):
        attribute = field(1, b"then_branch") + field(6, inner) + bytes([20 << 3 & 127 | 128, 1, 5])
        inner = field(1, field(4, b"If") + field(5, attribute))
    (tmp_path / "model.onnx").write_bytes(b"\x08\x08" + field(7, inner))
    assert judged(tmp_path / "model.onnx").outcome == "refused"


def _varint(number):
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


def test_bombs(tmp_path, platform):
    """Small files that unpack to much, within 200 MB and a second or so: archives, aliases, depth, digits."""
    bombs = {
        "alias.yaml": "a: &a [1]\nb: &b [*a,*a]\n" + "".join(f"c{i}: &c{i} [*b,*b]\n" for i in range(30)),
        "depth.yaml": "[" * 100_000,
        "digits.yaml": "seed: " + "9" * 100_000,
        "size.yaml": "# " + "x" * 10_000_000,
    }
    for name, text in bombs.items():
        (tmp_path / name).write_text(text)
    with zipfile.ZipFile(tmp_path / "zip.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(1 << 28))
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000, 10), }"
    with zipfile.ZipFile(tmp_path / "claim.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header)
    for path in sorted(tmp_path.iterdir()):
        read = read_npz if path.suffix == ".npz" else read_project
        verdict = isolated(lambda read=read, path=path: str(read(path)), Limits(seconds=2, memory=200 << 20))
        assert verdict.outcome == "refused", (path.name, verdict)
        assert len(verdict.detail) < 1000


def _sum():
    b = GraphBuilder("g")
    x = b.input("x", (1, 4), DType.INT8, Quantization.per_tensor(0.1))
    return b.build([b.node(Add(), [x, x], quantization=Quantization.per_tensor(0.1))])
