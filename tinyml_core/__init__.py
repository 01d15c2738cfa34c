"""tinyml-core: find, quantise, compile, prove and train networks for microcontrollers.

The object to embed is :class:`Platform`::

    from tinyml_core import Platform
    compiled = Platform().compile("model.tinyml", target="stm32f746", out="out")

Importing this package is free: nothing heavier than the standard library is loaded until a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyml_core.platform import Platform as Platform

__version__ = "0.1.0"
__all__ = ["Platform", "__version__"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - module attribute hook, PEP 562
    """Import :class:`Platform` on first use, so that ``tinyml --help`` stays instant."""
    if name == "Platform":
        from tinyml_core.platform import Platform

        return Platform
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
