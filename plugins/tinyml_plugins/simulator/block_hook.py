"""The compiled block hook: ``blockhook.c`` built once for the host and kept in the user's cache.

A hook in C costs nothing measurable; one in Python costs 3 to 25 times the run itself.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import logging
import os
import platform
import sys
from functools import lru_cache
from pathlib import Path

from tinyml_core.errors import ToolchainError
from tinyml_plugins.simulator.cache import plugin_cache, zig_environment
from tinyml_plugins.simulator.compiler import run_compiler
from tinyml_plugins.simulator.zig import ZIG_CC

_log = logging.getLogger(__name__)
_SOURCE = Path(__file__).with_name("blockhook.c")
_FLAGS = ("-O2", "-g0", "-shared", "-fPIC", "-nostdlib", "-mcpu=baseline")  # the cache may serve several machines
_BUILD_SECONDS = 120.0

LIMIT, STRAY, CHANGED = 1, 2, 4


class Counter(ctypes.Structure):
    """``struct counter`` of blockhook.c."""

    _fields_ = (
        ("entries", ctypes.c_void_p),
        ("falls", ctypes.c_void_p),
        ("sizes", ctypes.c_void_p),
        ("lengths", ctypes.c_void_p),
        ("code", ctypes.c_void_p),
        ("base", ctypes.c_uint32),
        ("halfwords", ctypes.c_uint32),
        ("previous", ctypes.c_uint32),
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
    if importlib.util.find_spec("ziglang") is None:
        _log.info("ziglang is not installed: blocks are counted in Python, which is slower and gives the same counts")
        return None
    try:
        return ctypes.CDLL(str(_built()))
    except (ToolchainError, OSError) as error:
        _log.info("no compiled block hook (%s): blocks are counted in Python, which is slower", error)
        return None


def _built() -> Path:
    import importlib_metadata

    versions = [importlib_metadata.version(name) for name in ("unicorn", "ziglang")]
    identity = [_SOURCE.read_text(encoding="utf-8"), *_FLAGS, *versions, sys.platform, platform.machine()]
    key = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:16]
    library = plugin_cache() / f"blockhook-{key}.so"
    if not library.exists():
        partial = library.with_suffix(f".{os.getpid()}")
        command = [*ZIG_CC, *_FLAGS, str(_SOURCE), "-o", str(partial)]
        status, output = run_compiler(command, zig_environment(), _BUILD_SECONDS)
        if status != 0:
            raise ToolchainError(output.strip()[:400] or "no message", place="block hook")
        os.replace(partial, library)  # of two processes that race, either may win
    return library
