"""Engine: Unicorn's Python binding, which carries no types; importing this module needs the package ``unicorn``."""

from __future__ import annotations

import importlib
from typing import Any

unicorn: Any = importlib.import_module("unicorn")
riscv: Any = importlib.import_module("unicorn.riscv_const")
EngineError: type[Exception] = unicorn.UcError
