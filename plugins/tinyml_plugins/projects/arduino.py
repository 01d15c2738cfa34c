"""Arduino: a library in the form of https://arduino.github.io/arduino-cli/latest/library-specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.api.project_writer import CompiledNetwork
from tinyml_plugins.projects.readme import readme
from tinyml_plugins.projects.sketch import sketch
from tinyml_plugins.projects.sources import headers, sources
from tinyml_plugins.projects.text import check_address, check_line, check_version, package_name, summary

_PROPERTIES = """\
name={name}
version={version}
author={author}
maintainer={maintainer}
sentence={sentence}
paragraph=No heap, no globals but constants; includes a known-answer test and an example that asks it.
category=Data Processing
url={url}
architectures=*
includes={includes}
"""
_GUIDE = """\
Copy this folder into the folder `libraries` of your sketchbook, or type

    arduino-cli lib install --zip-path {name}.zip

after packing it as `{name}.zip`. Then open the example *selftest* of the library.
"""


@dataclass(frozen=True, kw_only=True)
class ArduinoWriter:
    """Writes a library with an example sketch."""

    version: str = "1.0.0"
    """Of the library."""
    author: str = "tinyml-core"
    """Who made the network."""
    maintainer: str = "tinyml-core"
    """Whom the Arduino IDE names as responsible."""
    url: str = "https://pypi.org/project/tinyml-core/"
    """Page about the library."""

    beside: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_version(self.version)
        check_line("author", self.author)
        check_line("maintainer", self.maintainer)
        if self.maintainer.lower().startswith("arduino"):
            raise ValueError("maintainer starts with 'Arduino', which only the libraries of Arduino may")
        check_address("url", self.url)

    def write(self, network: CompiledNetwork) -> Mapping[str, str]:
        """``library.properties``, sources below ``src`` and a sketch that asks the known-answer test."""
        name = package_name(network)
        properties = _PROPERTIES.format(
            name=name, version=self.version, author=self.author, maintainer=self.maintainer,
            sentence=summary(network), url=self.url, includes=network.code.header or f"{network.prefix}_check.h",
        )  # fmt: skip
        return {
            "library.properties": properties,
            "README.md": readme(network, _GUIDE.format(name=name)),
            **headers(network, "src/"),
            **sources(network, "src/", pragmas=True),
            "examples/selftest/selftest.ino": sketch(network),
        }
