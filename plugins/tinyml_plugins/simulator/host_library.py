"""Small C sources of this plugin, built once for this machine and kept in the user's cache."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from tinyml_core.errors import ToolchainError
from tinyml_plugins.simulator.cache import plugin_cache, zig_environment
from tinyml_plugins.simulator.compiler import run_compiler
from tinyml_plugins.simulator.zig import ZIG_CC

_FLAGS = ("-O2", "-g0", "-shared", "-fPIC", "-mcpu=baseline")  # the cache may serve several machines
_BUILD_SECONDS = 120.0


def build_host_library(source: Path, flags: Sequence[str], depends: Sequence[str] = ()) -> Path:
    """The shared library of ``source``, compiled with further ``flags``; built anew when one of ``depends`` changes.

    Raises:
        ToolchainError: zig is not installed, or refuses.
    """
    if importlib.util.find_spec("ziglang") is None:
        raise ToolchainError("the zig compiler is not installed", place=source.name, remedy="pip install ziglang")
    import importlib_metadata

    told = (importlib_metadata.version("ziglang"), *depends, sys.platform, platform.machine())
    identity = [source.read_text(encoding="utf-8"), *_FLAGS, *flags, *told]
    key = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:16]
    library = plugin_cache() / f"{source.stem}-{key}.so"
    if not library.exists():
        partial = library.with_suffix(f".{os.getpid()}")
        command = [*ZIG_CC, *_FLAGS, *flags, str(source), "-o", str(partial)]
        status, output = run_compiler(command, zig_environment(), _BUILD_SECONDS)
        if status != 0:
            raise ToolchainError(output.strip()[:400] or "no message", place=source.name)
        os.replace(partial, library)  # of two processes that race, either may win
    return library
