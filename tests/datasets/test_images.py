"""Image folders: decoded within limits, a broken image named."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tinyml_core.errors import InputError
from tinyml_plugins.datasets.images import Images


def filled(root, count: int = 6, classes: tuple[str, ...] = ("cat", "dog")):
    rng = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels = rng.integers(0, 100, (9, 7, 3), np.uint8) + np.uint8(100 * number)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


def test_a_folder_of_classes_is_resized_scaled_and_split(tmp_path):
    data = Images(path=str(filled(tmp_path / "pets")), size=4, channels=1).load(0)
    again = Images(path=str(tmp_path / "pets"), size=4, channels=1).load(0)
    assert (data.name, data.classes, data.sample_shape) == ("pets", ("cat", "dog"), (4, 4, 1))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [6, 2, 4]
    assert data.train.x.tobytes() == again.train.x.tobytes()
    bright = data.train.x.mean(axis=(1, 2, 3))
    assert bright[data.train.y == 0].max() < 100 / 255 < bright[data.train.y == 1].min()


def test_given_splits_are_kept(tmp_path):
    for part, count in (("train", 6), ("val", 2), ("test", 3)):
        filled(tmp_path / part, count)
    data = Images(path=str(tmp_path), size=5).load(0)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [12, 4, 6]
    assert data.sample_shape == (5, 5, 3)


def test_validation_is_split_off_training_where_it_is_not_given(tmp_path):
    for part in ("train", "test"):
        filled(tmp_path / part)
    data = Images(path=str(tmp_path), size=5).load(0)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [10, 2, 12]


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_broken_image_is_named(tmp_path, content):
    (filled(tmp_path) / "dog" / "3.png").write_bytes(content)
    with pytest.raises(InputError, match=r"dog.3\.png: cannot be decoded .*; replace or remove it"):
        Images(path=str(tmp_path)).load(0)


def test_a_truncated_image_is_named(tmp_path):
    file = filled(tmp_path) / "cat" / "2.png"
    file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(InputError, match=r"cat.2\.png: cannot be decoded"):
        Images(path=str(tmp_path)).load(0)


@pytest.mark.parametrize("side", [20_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, side):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    bomb += chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    (filled(tmp_path) / "cat" / "bomb.png").write_bytes(bomb)
    with pytest.raises(InputError, match=r"bomb\.png: (has 20000 by 20000 pixels|cannot be decoded)"):
        Images(path=str(tmp_path)).load(0)


def test_unusable_folders_are_named(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        Images(path=str(tmp_path / "absent")).load(0)
    with pytest.raises(InputError, match="has 0 sub-folders"):
        Images(path=str(tmp_path)).load(0)
    filled(tmp_path)
    (tmp_path / "owl").mkdir()
    with pytest.raises(InputError, match="owl: holds no images"):
        Images(path=str(tmp_path)).load(0)


def test_a_class_that_only_the_test_knows_is_named(tmp_path):
    filled(tmp_path / "train")
    filled(tmp_path / "test", classes=("cat", "dog", "owl"))
    with pytest.raises(InputError, match="class 'owl' has no training images"):
        Images(path=str(tmp_path)).load(0)


@pytest.mark.parametrize("options", [{"size": 0}, {"size": 5000}, {"channels": 2}, {"size": 32, "limit_bytes": 1000}])
def test_options_out_of_range_are_refused(tmp_path, options):
    with pytest.raises(InputError):
        Images(path=str(filled(tmp_path)), **options).load(0)
