"""What the datasets plugin provides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.dataset import DatasetSource


@hookimpl
def tinyml_datasets() -> Iterable[Component[DatasetSource]]:
    """Return the sources of labelled samples."""
    return [
        Component(
            "digits",
            "tinyml_plugins.datasets.digits:Digits",
            "1797 handwritten digits of 8 by 8 pixels that scikit-learn ships",
            extra="train",
        ),
        Component(
            "npz",
            "tinyml_plugins.datasets.npz:Npz",
            "arrays x_train, y_train, x_test, y_test (or x, y) of an .npz file",
        ),
        Component(
            "images",
            "tinyml_plugins.datasets.images:Images",
            "a folder of images with one sub-folder for each class",
            extra="train",
        ),
    ]
