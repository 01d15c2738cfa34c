"""PlatformIO: a library with the manifest of https://docs.platformio.org/en/latest/manifests/library-json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.api.project_writer import CompiledNetwork
from tinyml_plugins.projects.readme import readme
from tinyml_plugins.projects.sketch import sketch
from tinyml_plugins.projects.sources import FLAGS, headers, sources
from tinyml_plugins.projects.text import check_address, check_line, check_version, package_name, summary

_GUIDE = """\
Copy this folder into the folder `lib` of your project, or name it in `platformio.ini`:

    lib_deps = symlink:///path/to/this/folder

`pio pkg pack` makes of it the archive that a registry takes. The example is for the Arduino framework; the library
itself is plain C for any.
"""


@dataclass(frozen=True, kw_only=True)
class PlatformIOWriter:
    """Writes a library with an example for the Arduino framework."""

    version: str = "1.0.0"
    """Of the library."""
    author: str = "tinyml-core"
    """Who made the network."""
    homepage: str | None = None
    """Page about the library; none by default."""
    license: str | None = None
    """Licence of the network by its SPDX name, such as MIT; not told by default."""

    beside: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_version(self.version)
        check_line("author", self.author)
        if self.homepage is not None:
            check_address("homepage", self.homepage)
        if self.license is not None:
            check_line("license", self.license)

    def write(self, network: CompiledNetwork) -> Mapping[str, str]:
        """``library.json``, sources below ``src`` and an example."""
        told = {"homepage": self.homepage, "license": self.license}
        manifest = {
            "name": package_name(network), "version": self.version, "description": summary(network),
            "keywords": ["tinyml", "neural network", "machine learning"],
            "authors": [{"name": self.author}],
            **{key: value for key, value in told.items() if value is not None},
            "headers": [network.code.header or f"{network.prefix}_check.h"],
            "frameworks": "*", "platforms": "*",
            "build": {"flags": list(FLAGS), "unflags": ["-Os"], "srcDir": "src", "includeDir": "src"},
            "examples": [{"name": "selftest", "base": "examples/selftest", "files": ["main.cpp"]}],
        }  # fmt: skip
        return {
            "library.json": json.dumps(manifest, indent=2) + "\n",
            "README.md": readme(network, _GUIDE),
            **headers(network, "src/"),
            **sources(network, "src/"),
            "examples/selftest/main.cpp": sketch(network),
        }
