"""What the importers plugin provides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.importer import Importer


@hookimpl
def tinyml_importers() -> Iterable[Component[Importer]]:
    """Return the readers of TensorFlow Lite and ONNX files and of PyTorch modules."""
    return [
        Component(
            "tflite", "tinyml_plugins.importers.tflite.importer:TfliteImporter", "TensorFlow Lite flatbuffers (.tflite)"
        ),
        Component(
            "onnx", "tinyml_plugins.importers.onnx.importer:OnnxImporter", "ONNX models, quantised or float (.onnx)"
        ),
        Component(
            "torch-module",
            "tinyml_plugins.importers.torch_module.importer:TorchModuleImporter",
            "PyTorch modules, from Python: Platform.load(module, example)",
        ),
    ]
