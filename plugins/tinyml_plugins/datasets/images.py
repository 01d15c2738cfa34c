"""Datasets from folders of images: one sub-folder for each class, perhaps below ``train``, ``val`` and ``test``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from tinyml_core.api.dataset import Dataset, Labels, Samples, Split
from tinyml_core.errors import InputError
from tinyml_plugins.datasets.splitting import Shares, stratified, take

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
"""Decoders that may be used, whatever the suffix says."""
MODES = {1: "L", 3: "RGB"}
"""Pillow's name of an image with so many channels."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """``x`` float32 [n, size, size, channels] from 0 to 1; classes are the names of the folders, sorted.

    Folders ``train`` and ``test``, and perhaps ``val``, keep their images apart; what is not given is split off by the
    seed.
    """

    path: str
    """The folder."""
    size: int = 32
    """Rows and columns that every image is resized to."""
    channels: int = 3
    """1 for grey, 3 for colour."""
    limit_pixels: int = 50_000_000
    """Pixels of an image file above which it is refused before it is decoded."""
    limit_bytes: int = 2_000_000_000
    """Size of all samples above which the folder is refused."""
    validation_share: float = 1 / 6
    """Share of the training images for validation where there is no folder ``val``."""
    test_share: float = 0.2
    """Share of the images for the test where there are no folders ``train`` and ``test``."""

    def load(self, seed: int) -> Dataset:
        """The dataset; ``seed`` splits what the folders do not.

        Raises:
            InputError: an option, a folder or an image cannot be used.
        """
        if self.channels not in MODES or not 1 <= self.size <= 1024:
            raise InputError(
                f"size {self.size} and {self.channels} channels make no sample",
                place="dataset images",
                remedy="give a size from 1 to 1024 and 1 or 3 channels",
            )
        root = Path(self.path)
        if not root.is_dir():
            raise InputError("is no folder", place=self.path, remedy="give a folder with one sub-folder for each class")
        split = (root / "train").is_dir() and (root / "test").is_dir()
        folder = root / "train" if split else root
        classes = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))
        if len(classes) < 2:
            raise InputError(
                f"has {len(classes)} sub-folders",
                place=str(folder),
                remedy="give one sub-folder for each of two classes",
            )
        x, y = self._read(folder, classes)
        if not split:
            parts = stratified(y, Shares(self.validation_share, self.test_share), seed, str(folder))
            return Dataset(root.name, classes, *(take(x, y, part) for part in parts))
        test = Split(*self._read(root / "test", classes))
        if (root / "val").is_dir():
            return Dataset(root.name, classes, Split(x, y), Split(*self._read(root / "val", classes)), test)
        kept, held, _ = stratified(y, Shares(self.validation_share, 0.0), seed, str(folder))
        return Dataset(root.name, classes, take(x, y, kept), take(x, y, held), test)

    def _read(self, folder: Path, classes: tuple[str, ...]) -> tuple[Samples, Labels]:
        files = list(self._files(folder, classes))
        declared = len(files) * self.size**2 * self.channels * 4
        if declared > self.limit_bytes:
            raise InputError(
                f"{len(files)} images make {declared} bytes, the limit is {self.limit_bytes}",
                place=str(folder),
                remedy="choose a smaller size or raise limit_bytes",
            )
        x = np.empty((len(files), self.size, self.size, self.channels), np.float32)
        for position, (file, _) in enumerate(files):
            x[position] = self._decode(file)
        return x, np.array([label for _, label in files], np.int64)

    def _files(self, folder: Path, classes: tuple[str, ...]) -> Iterator[tuple[Path, int]]:
        unknown = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name not in classes)
        if unknown:
            raise InputError(
                f"class {unknown[0]!r} has no training images", place=str(folder), remedy="add or remove it"
            )
        for label, name in enumerate(classes):
            within = folder / name
            found = sorted(file for file in within.glob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
            if not found:
                raise InputError(
                    "holds no images", place=str(within), remedy=f"add some ({', '.join(sorted(SUFFIXES))})"
                )
            yield from ((file, label) for file in found)

    def _decode(self, file: Path) -> Samples:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow warns of what is refused below
                with Image.open(file, formats=FORMATS) as image:
                    if image.width * image.height > self.limit_pixels:
                        raise InputError(
                            f"has {image.width} by {image.height} pixels, the limit is {self.limit_pixels}",
                            place=str(file),
                            remedy="shrink it or raise limit_pixels",
                        )
                    small = image.convert(MODES[self.channels]).resize(
                        (self.size, self.size), Image.Resampling.BILINEAR
                    )
        except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
            raise InputError(
                f"cannot be decoded ({type(error).__name__})", place=str(file), remedy="replace or remove it"
            ) from None
        pixels = np.asarray(small, np.float32) / np.float32(255)
        return pixels.reshape(self.size, self.size, self.channels)
