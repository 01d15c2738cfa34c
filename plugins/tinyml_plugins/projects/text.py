"""Text of a project's files: what of a network's name may stand in them, and checks of what a user sets.

A network's name is chosen by whoever wrote the model; only characters that mean nothing to a compiler, CMake, Kconfig,
XML, YAML, Markdown or a property file survive. What a user sets is refused where a file cannot hold it, and escaped
where it can.
"""

from __future__ import annotations

import re

from tinyml_core.api.project_writer import CompiledNetwork

LONGEST_NAME = 60
"""Characters of a network's name that a file shows."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_.:/ -]")
_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:-]+(/[A-Za-z0-9._~:/?#@!$&()*+,;=%-]*)?")


def package_name(network: CompiledNetwork) -> str:
    """What the library is called everywhere: letters, digits and underscores, at most 55."""
    return f"tinyml_{network.prefix}"


def shown_name(network: CompiledNetwork) -> str:
    """The network's name as any file may hold it."""
    return _safe(network.name)


def shown_target(network: CompiledNetwork) -> str:
    """The microcontroller that the kernels were chosen for, as any file may hold it."""
    return f"{_safe(network.profile.title)} ({_safe(network.profile.core)})"


def summary(network: CompiledNetwork) -> str:
    """One sentence on the network."""
    return f"Neural network {shown_name(network)}, compiled by tinyml-core for {shown_target(network)}."


def check_version(version: str) -> None:
    """Raise ValueError unless ``version`` is three numbers, as https://semver.org has them."""
    if not _VERSION.fullmatch(version):
        raise ValueError(f"version {version!r} is not of the form 1.0.0")


def check_line(name: str, text: str) -> None:
    """Raise ValueError unless ``text`` is a line of printable characters."""
    if not text.strip() or not text.isprintable() or len(text) > 200 or text != text.strip():
        raise ValueError(f"{name} is not one line of 1 to 200 printable characters")


def check_address(name: str, address: str) -> None:
    """Raise ValueError unless ``address`` is that of a web page."""
    if not _ADDRESS.fullmatch(address) or len(address) > 255:
        raise ValueError(f"{name} {address!r} is no address of a web page")


def _safe(text: str) -> str:
    safe = _UNSAFE.sub("_", text[: LONGEST_NAME + 1])
    return safe if len(safe) <= LONGEST_NAME else safe[: LONGEST_NAME - 3] + "..."
