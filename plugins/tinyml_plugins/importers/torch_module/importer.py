"""The torch importer: from a module in memory to a verified graph whose ports keep the module's layouts.

torch is imported only once a module is there to be converted.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tinyml_core.errors import GraphError, TinyMLError, UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.verify import verify
from tinyml_plugins.importers.onnx.conversion import convert


@dataclass(frozen=True, kw_only=True)
class TorchModuleImporter:
    """Converts float32 modules, as they compute in evaluation mode; images NCHW outside are NHWC inside."""

    suffixes: tuple[str, ...] = ()
    """None: files that PyTorch writes may run code when they are opened."""

    def read(self, path: Path) -> Graph:
        """Refuse every file.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            "no file of PyTorch's is opened, since it may run code", place=str(path),
            remedy="export it as .onnx, or call Platform().load(module, example)",
        )  # fmt: skip

    def accepts(self, module: object) -> bool:
        """Whether ``module`` is a ``torch.nn.Module``."""
        torch = sys.modules.get("torch")
        return torch is not None and isinstance(module, torch.nn.Module)

    def convert(self, module: object, example: object) -> Graph:
        """The network of ``module``, which is left as it is; of ``example`` the first sample's shape and type count.

        Raises:
            InputError: ``example`` is no float32 tensor or array, or a tuple of such.
            UnsupportedError: torch.export cannot trace the module, or it uses an operator that is not known; names it.
        """
        from tinyml_plugins.importers.torch_module.tracing import trace
        from tinyml_plugins.importers.torch_module.translation import translate

        name = type(module).__name__
        try:
            return verify(convert(translate(trace(module, example), name)))
        except TinyMLError as error:
            kind = UnsupportedError if isinstance(error, GraphError) else type(error)
            place = f"module {name}, {error.place}" if error.place else f"module {name}"
            raise kind(error.problem, place=place, remedy=error.remedy) from None
