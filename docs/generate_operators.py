"""Writes docs/operators.md from the code: operators with their kernels and types, and what the importers read.

python docs/generate_operators.py          write the page
python docs/generate_operators.py --check  exit 1 when the page is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

from tinyml_core.arithmetic.reference import PREPARERS, SEVERAL
from tinyml_core.graph.operators import OPERATORS
from tinyml_core.graph.operators.pointwise import ARITHMETIC, COMPARISONS, LOGIC, UNARY
from tinyml_core.graph.operators.reduction import FUNCTIONS
from tinyml_core.graph.tensor import DType
from tinyml_plugins.importers.onnx.converters import CONVERTERS
from tinyml_plugins.importers.tflite.operators import OPERATORS as TFLITE
from tinyml_plugins.importers.torch_module.operators import OPERATORS as TORCH
from tinyml_plugins.tinyengine.table import KERNELS

PAGE = Path(__file__).parent / "operators.md"


def types_of(kernel: object) -> str:
    """The types a kernel reads; what it writes too, where that is always another type."""
    pairs = sorted({(read.value, written.value) for read, written in kernel.types})
    if not any(read == written for read, written in pairs):
        return ", ".join(f"{read} to {written}" for read, written in pairs)
    read = sorted({read for read, _ in pairs})
    return "every type" if len(read) == len(DType) else ", ".join(read)


def page() -> str:
    """The whole page."""
    rows = []
    for kind, operator in sorted(OPERATORS.items()):
        kernels = KERNELS.get(operator, ())
        told = "<br>".join(
            f"`{kernel.name}`{' (DSP)' if 'dsp' in kernel.needs else ''}: {types_of(kernel)}" for kernel in kernels
        )
        known = [dtype.value for dtype in DType if (operator, dtype) in {*PREPARERS, *SEVERAL}]
        reference = "every type" if len(known) == len(DType) else ", ".join(known) or "none"
        rows.append(f"| `{kind}` | {reference} | {told or 'none: refused by name'} |")
    onnx = ", ".join(f"`{domain + '.' if domain else ''}{name}`" for domain, name in sorted(CONVERTERS))
    return "\n".join([
        "# Operators", "",
        "Generated from the code by `python docs/generate_operators.py`; a test compares the two.", "",
        "## In the graph", "",
        "Kernels are those of the bundled code generator; DSP ones use SMLAD on cores that have it and give the same",
        "bits as the portable ones. An operator or type without a kernel is refused by name.", "",
        "| operator | first input in the reference | kernels and types |", "|---|---|---|", *rows, "",
        f"`unary` covers: {', '.join(f'`{name}`' for name in UNARY)}.", "",
        f"`binary` covers: {', '.join(f'`{name}`' for name in (*ARITHMETIC, *COMPARISONS, *LOGIC))}.", "",
        f"`reduce` covers: {', '.join(f'`{name}`' for name in FUNCTIONS)}.", "",
        "## Read from TensorFlow Lite", "",
        ", ".join(f"`{name}`" for name in sorted(TFLITE)) + ".", "",
        "## Read from ONNX", "",
        onnx + ".", "",
        "QOperator networks (`QLinearConv` and its relatives) are rewritten to the QDQ form first.", "",
        "## Read from PyTorch", "",
        "Of the `aten` namespace; every other operator is first taken apart by PyTorch's own decompositions.", "",
        ", ".join(f"`{name}`" for name in sorted(TORCH)) + ".", "",
    ])  # fmt: skip


def main() -> int:
    """Write or check."""
    text = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
