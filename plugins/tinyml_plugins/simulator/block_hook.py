"""The compiled block hook: ``blockhook.c`` built once for the host and kept in the user's cache.

A hook in C costs nothing measurable; one in Python costs 3 to 25 times the run itself.
"""

from __future__ import annotations

import ctypes
import logging
from functools import lru_cache
from pathlib import Path

import importlib_metadata

from tinyml_core.errors import ToolchainError
from tinyml_plugins.simulator.host_library import build_host_library

_log = logging.getLogger(__name__)
_SOURCE = Path(__file__).with_name("blockhook.c")

LIMIT, STRAY, CHANGED = 1, 2, 4


class Counter(ctypes.Structure):
    """``struct counter`` of blockhook.c."""

    _fields_ = (
        ("entries", ctypes.c_void_p),
        ("falls", ctypes.c_void_p),
        ("contexts", ctypes.c_void_p),
        ("sizes", ctypes.c_void_p),
        ("lengths", ctypes.c_void_p),
        ("code", ctypes.c_void_p),
        ("base", ctypes.c_uint32),
        ("halfwords", ctypes.c_uint32),
        ("context", ctypes.c_uint32),
        ("previous", ctypes.c_uint64),
        ("previous_end", ctypes.c_uint32),
        ("executed", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("stop", ctypes.c_void_p),
        ("reason", ctypes.c_uint32),
        ("place", ctypes.c_uint32),
    )


@lru_cache(maxsize=1)
def load_hook() -> ctypes.CDLL | None:
    """The hook's library, built on first use; None, with an info line in the log, where that cannot be done."""
    try:
        return ctypes.CDLL(str(build_host_library(_SOURCE, ("-nostdlib",), (importlib_metadata.version("unicorn"),))))
    except (ToolchainError, OSError) as error:
        _log.info("no compiled block hook (%s): blocks are counted in Python, slower and with the same counts", error)
        return None
