"""Folders for what is built once: the zig cache and the compiled block hook.

An unwritable zig cache makes zig spin for minutes, so a folder is tried before it is used; where none can be written
a private temporary one serves until the process ends.
"""

from __future__ import annotations

import logging
import os
import tempfile
from functools import lru_cache
from pathlib import Path

_log = logging.getLogger(__name__)


def _user_cache() -> Path:
    """``XDG_CACHE_HOME``, else ``~/.cache``."""
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    return Path(chosen) if chosen else Path(os.path.expanduser("~"), ".cache")


def writable(folder: Path) -> bool:
    """Whether files can be written in ``folder``, which is made where needed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@lru_cache(maxsize=1)
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tinyml-core-")  # removed when the process ends


def _usable(folder: Path) -> Path:
    if writable(folder):
        return folder
    private = Path(_temporary().name, folder.name)
    private.mkdir(exist_ok=True)
    _log.info("%s cannot be written; using %s for this process", folder, private)
    return private


def plugin_cache() -> Path:
    """A writable folder for files of this plugin."""
    return _usable(_user_cache() / "tinyml-core")


def zig_environment() -> dict[str, str]:
    """Environment variables that give zig caches it can write."""
    shared = _usable(Path(os.environ.get("ZIG_GLOBAL_CACHE_DIR") or _user_cache() / "zig"))
    local = _usable(Path(os.environ.get("ZIG_LOCAL_CACHE_DIR") or shared))
    return {"ZIG_GLOBAL_CACHE_DIR": str(shared), "ZIG_LOCAL_CACHE_DIR": str(local)}
