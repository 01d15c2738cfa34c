"""What a new plugin and all that belongs to it are called, after the one name its author gives."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from tinyml_core.errors import InputError

LONGEST = 32
"""Characters, so that every name made of it is short enough too."""
TAKEN = frozenset({"core", "plugins", "hw-profiles"})
"""Names whose distribution or package would be one of the platform's own."""
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Names:
    """All made of ``plugin``, the name given: ``acme-radio``."""

    plugin: str

    def __post_init__(self) -> None:
        """Check the name.

        Raises:
            InputError: it cannot be the name of a plugin, a distribution and a package.
        """
        place, remedy = f"plugin name {self.plugin[:40]!r}", "choose another, such as acme-radio"
        if not _NAME.fullmatch(self.plugin) or len(self.plugin) > LONGEST:
            problem = f"is not made of up to {LONGEST} lower-case letters, digits and single hyphens, a letter first"
            raise InputError(problem, place=place, remedy=remedy)
        if self.plugin in TAKEN or keyword.iskeyword(self.package):
            raise InputError("would give a package the name of one of the platform's", place=place, remedy=remedy)

    @property
    def distribution(self) -> str:
        """What pip installs."""
        return f"tinyml-{self.plugin}"

    @property
    def package(self) -> str:
        """What Python imports."""
        return self.distribution.replace("-", "_")

    @property
    def type(self) -> str:
        """Name of a class."""
        return "".join(part.capitalize() for part in self.plugin.split("-"))


def core_range(version: str) -> str:
    """The versions that a plugin made for the core's ``version`` is good for: below 1.0 the minor one, then the major.

    ``0.3.1`` gives ``>=0.3,<0.4``; ``2.3.0`` gives ``>=2.3,<3``.
    """
    major, minor = (int(part) for part in version.split(".")[:2])
    return f">={major}.{minor}," + (f"<{major + 1}" if major else f"<0.{minor + 1}")
