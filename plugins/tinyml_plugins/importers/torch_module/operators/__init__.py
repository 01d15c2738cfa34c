"""Operators: what each ATen operator is in terms of ONNX; :data:`OPERATORS` is the whole list.

The rest, layouts above all, is the work of the ONNX importer. Operators that are not here are taken apart by PyTorch's
own decompositions first.
"""

from __future__ import annotations

from tinyml_plugins.importers.torch_module.operators.call import Call, Rule, Step, shape_of
from tinyml_plugins.importers.torch_module.operators.linear import LINEAR
from tinyml_plugins.importers.torch_module.operators.movement import MOVEMENT
from tinyml_plugins.importers.torch_module.operators.normalisation import NORMALISATION
from tinyml_plugins.importers.torch_module.operators.pointwise import POINTWISE
from tinyml_plugins.importers.torch_module.operators.recurrent import RECURRENT
from tinyml_plugins.importers.torch_module.operators.reduction import REDUCTION
from tinyml_plugins.importers.torch_module.operators.window import WINDOW

OPERATORS: dict[str, Rule] = {**LINEAR, **MOVEMENT, **NORMALISATION, **POINTWISE, **RECURRENT, **REDUCTION, **WINDOW}
"""Name and overload in the ``aten`` namespace -> what it is in ONNX (opset :data:`OPSET`)."""
OPSET = 17
"""The last in which the axes of ReduceMean are an attribute."""

__all__ = ["OPERATORS", "OPSET", "Call", "Step", "shape_of"]
