"""Datasets from .npz files: friendly to good ones, one sentence for every bad one."""

from __future__ import annotations

import io
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

from tinyml_core.errors import InputError
from tinyml_plugins.datasets.npz import Npz

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (60, 4, 4, 1), np.uint8)
Y = np.arange(60) % 3


def saved(folder, **arrays) -> str:
    path = folder / "data.npz"
    np.savez_compressed(path, **arrays)
    return str(path)


def archived(folder, **members: bytes) -> str:
    path = folder / "data.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return str(path)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def header(shape: str, dtype: str = "'<f4'") -> bytes:
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def test_one_pair_is_split_by_the_seed(tmp_path):
    path = saved(tmp_path, x=X, y=Y)
    data, again = Npz(path=path).load(5), Npz(path=path).load(5)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [36, 12, 12]
    assert data.classes == ("0", "1", "2")
    assert data.name == "data"
    assert data.train.x.dtype == np.float32
    assert data.train.x.max() <= 1.0
    assert data.train.x.tobytes() == again.train.x.tobytes()


def test_given_splits_are_kept_and_validation_is_split_off_training(tmp_path):
    path = saved(tmp_path, x_train=X, y_train=Y, x_test=X[:9], y_test=Y[:9])
    data = Npz(path=path).load(0)
    np.testing.assert_array_equal(data.test.x, X[:9].astype(np.float32) / np.float32(255))
    assert len(data.train) + len(data.validation) == 60
    path = saved(tmp_path, x_train=X, y_train=Y, x_val=X[:3], y_val=Y[:3], x_test=X[:9], y_test=Y[:9])
    assert [len(p) for p in (Npz(path=path).load(0).train, Npz(path=path).load(0).validation)] == [60, 3]


def test_floats_are_taken_as_they_are(tmp_path):
    x = RNG.normal(size=(60, 5))
    data = Npz(path=saved(tmp_path, x=x, y=Y)).load(0)
    assert data.train.x.min() < 0
    assert data.sample_shape == (5,)


BAD_ARRAYS = {
    "no array y_test": {"x_train": X, "y_train": Y, "x_test": X},
    "no array x_train": {"images": X},
    "both x, y and split arrays": {"x": X, "y": Y, "x_test": X},
    r"x has shape \[60, 4, 4, 1\] and y \[59\]": {"x": X, "y": Y[:59]},
    "array x holds int16": {"x": X.astype(np.int16), "y": Y},
    "array x: holds complex64": {"x": X.astype(np.complex64), "y": Y},
    "array x: holds str": {"x": np.full((60, 2), "a"), "y": Y},
    "array y must hold class numbers": {"x": X, "y": Y - 1},
    "array y must hold class numbers from": {"x": X, "y": Y.astype(np.float32)},
    "numbers from 0 to 999": {"x": X, "y": np.full(60, 2**40)},
    "NaN or infinity": {"x": np.full((60, 2), 1e300), "y": Y},
    "class 2 has 1 samples": {"x": X[:13], "y": np.repeat([0, 1, 2], [6, 6, 1])},
    r"samples of shape \[2\] beside": {"x_train": X, "y_train": Y, "x_test": np.ones((3, 2), "f4"), "y_test": Y[:3]},
    r"x has shape \[0, 4\]": {"x": np.zeros((0, 4), np.uint8), "y": Y[:0]},
}


@pytest.mark.parametrize("message", BAD_ARRAYS)
def test_unusable_arrays_are_named(tmp_path, message):
    path = saved(tmp_path, **BAD_ARRAYS[message])
    with pytest.raises(InputError, match=message) as caught:
        Npz(path=path).load(0)
    assert "data.npz" in str(caught.value)
    assert caught.value.remedy


BAD_FILES = {
    "pickle": {"x": npy(X), "y": None},
    "objects": {"x": header("(60, 2)", "'|O'") + b"\0" * 480, "y": npy(Y)},
    "cut short": {"x": npy(X)[:-100], "y": npy(Y)},
    "header of nonsense": {"x": header("(60, 2", "'<f4'"), "y": npy(Y)},
    "header that is code": {"x": header("__import__('os').abort()"), "y": npy(Y)},
    "huge header": {"x": header("(1,)" + " " * 60000), "y": npy(Y)},
    "no magic": {"x": b"nothing", "y": npy(Y)},
    "empty": {"x": b"", "y": npy(Y)},
    "negative size": {"x": header("(-60, 4)"), "y": npy(Y)},
    "structured": {"x": header("(60, 4)", "[('a', '<f4')]"), "y": npy(Y)},
}


@pytest.mark.parametrize("defect", BAD_FILES)
def test_damaged_members_give_one_sentence(tmp_path, defect):
    pickled = io.BytesIO()
    np.lib.format.write_array(pickled, np.array([print] * 60, object), allow_pickle=True)
    members = {name: pickled.getvalue() if content is None else content for name, content in BAD_FILES[defect].items()}
    with pytest.raises(InputError, match=r"data\.npz: .*; "):
        Npz(path=archived(tmp_path, **members)).load(0)


class Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was run')",)


def test_a_pickle_is_never_run(tmp_path):
    for content in (pickle.dumps(Trap()), header("(60,)", "'|O'") + pickle.dumps(Trap())):
        with pytest.raises(InputError):
            Npz(path=archived(tmp_path, x=content, y=npy(Y))).load(0)


@pytest.mark.parametrize("length", [0, 10, 200, -30])
def test_a_truncated_or_missing_archive_gives_one_sentence(tmp_path, length):
    path = saved(tmp_path, x=X, y=Y)
    content = (tmp_path / "data.npz").read_bytes()
    (tmp_path / "data.npz").write_bytes(content[:length])
    with pytest.raises(InputError, match="is no readable"):
        Npz(path=path).load(0)
    with pytest.raises(InputError, match="does not exist"):
        Npz(path=str(tmp_path / "absent.npz")).load(0)


def test_a_corrupt_byte_is_noticed(tmp_path):
    path = archived(tmp_path, x=npy(X), y=npy(Y))
    content = bytearray((tmp_path / "data.npz").read_bytes())
    content[300] ^= 0xFF
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(InputError, match="is no readable"):
        Npz(path=path).load(0)


@pytest.mark.parametrize(
    "x",
    [npy(np.zeros(50_000_000, np.uint8)), header("(1000000, 1000, 1000)") + b"\0" * 64],
    ids=["archive", "header"],
)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, x):
    path = archived(tmp_path, x=x, y=npy(Y))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"declares \d+ bytes, the limit is 10000000"):
        Npz(path=path, limit_bytes=10_000_000).load(0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_member_without_suffix_cannot_stand_in_for_an_array(tmp_path):
    path = archived(tmp_path, x=npy(X), y=npy(Y))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x", header("(1000000, 1000, 1000)"))
    assert Npz(path=path).load(0).sample_shape == (4, 4, 1)
