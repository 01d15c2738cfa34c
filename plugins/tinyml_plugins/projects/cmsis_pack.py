"""CMSIS-Pack: a pack as https://open-cmsis-pack.github.io/Open-CMSIS-Pack-Spec describes it, with one component.

The folder is the pack unpacked, which tools take by its ``.pdsc`` file, with the archive ``.pack`` beside it. The
archive stores files as they are, under one date, so that it depends on nothing but what it holds.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from xml.etree import ElementTree as ET

from tinyml_core.api.project_writer import CompiledNetwork
from tinyml_core.errors import InputError
from tinyml_plugins.projects.readme import readme
from tinyml_plugins.projects.sources import headers, sources
from tinyml_plugins.projects.text import check_address, check_version, summary

SCHEMA = "1.7.28"
"""Version of the format that the description keeps to."""
LONGEST_NAME = 32
"""Characters of the name of a component (the schema's CsubType)."""
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that an archive can tell."""
_GUIDE = """\
Type `cpackget add {pack}`, or open it with the pack installer of your IDE. Then add the component
*Machine Learning / Network / {prefix}*, in a csolution project by

    packs:
      - pack: {vendor}::{prefix}
    components:
      - component: Machine Learning:Network:{prefix}
"""


@dataclass(frozen=True, kw_only=True)
class CmsisPackWriter:
    """Writes a pack, unpacked and packed."""

    version: str = "1.0.0"
    """Of the pack and of its component."""
    vendor: str = "tinyml-core"
    """Who publishes the pack: letters, digits, hyphens and underscores."""
    url: str = "https://localhost/"
    """Folder on the web where the pack can be fetched; this machine by default, since nothing is published."""
    released: str | None = None
    """Date of the release, such as 2026-11-21; not told by default, so that packs of equal networks are equal."""

    beside: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_version(self.version)
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.vendor):
            raise ValueError(f"vendor {self.vendor!r} has other characters than letters, digits, hyphen and underscore")
        check_address("url", self.url)
        if not self.url.endswith("/"):
            raise ValueError(f"url {self.url!r} does not end with '/'")
        if self.released is not None:
            date.fromisoformat(self.released)

    def write(self, network: CompiledNetwork) -> Mapping[str, str | bytes]:
        """The description, ``include``, ``source``, and all of it as ``<vendor>.<prefix>.<version>.pack``.

        Raises:
            InputError: the prefix is longer than the name of a component may be.
        """
        if len(network.prefix) > LONGEST_NAME:
            raise InputError(
                f"is longer than {LONGEST_NAME} characters, the most that the name of a component has",
                place=f"prefix {network.prefix!r}", remedy="compile with a shorter --prefix",
            )  # fmt: skip
        archive = f"{self.vendor}.{network.prefix}.{self.version}.pack"
        guide = _GUIDE.format(pack=archive, prefix=network.prefix, vendor=self.vendor)
        files = {
            f"{self.vendor}.{network.prefix}.pdsc": self._description(network),
            "README.md": readme(network, guide),
            **headers(network, "include/"),
            **sources(network, "source/", pragmas=True),
        }
        return {**files, archive: _packed(files)}

    def _description(self, network: CompiledNetwork) -> str:
        package = ET.Element("package", {
            "schemaVersion": SCHEMA, "xmlns:xs": _INSTANCE, "xs:noNamespaceSchemaLocation": "PACK.xsd",
        })  # fmt: skip
        for tag, text in (
            ("vendor", self.vendor), ("name", network.prefix), ("description", summary(network)), ("url", self.url),
        ):  # fmt: skip
            ET.SubElement(package, tag).text = text
        told = {"version": self.version} | ({"date": self.released} if self.released else {})
        ET.SubElement(ET.SubElement(package, "releases"), "release", told).text = summary(network)
        ET.SubElement(ET.SubElement(package, "keywords"), "keyword").text = "machine learning"
        component = ET.SubElement(ET.SubElement(package, "components"), "component", {
            "Cclass": "Machine Learning", "Cgroup": "Network", "Csub": network.prefix, "Cversion": self.version,
        })  # fmt: skip
        ET.SubElement(component, "description").text = summary(network)
        listed = ET.SubElement(component, "files")
        public = [network.code.header] if network.code.header else []
        entries = [("doc", "README.md")]
        entries += [("header", f"include/{name}") for name in (*public, f"{network.prefix}_check.h")]
        entries += [("sourceC", path) for path in sources(network, "source/")]
        for category, path in entries:
            ET.SubElement(listed, "file", {"category": category, "name": path})
        ET.indent(package)
        return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(package, encoding="unicode") + "\n"


def _packed(files: Mapping[str, str]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_STORED) as archive:
        for path, text in sorted(files.items()):
            entry = zipfile.ZipInfo(path, _FIRST_DATE)
            entry.create_system = 3  # files are those of Unix wherever the pack is made
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text.encode())
    return memory.getvalue()
