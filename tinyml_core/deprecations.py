"""Deprecations: the one place that lists what of the public interface is on its way out.

Code that still serves something old calls :func:`warn`; a name that is not in the table is a mistake of ours. The rule
is in ``docs/versioning.md``: what is stable works for at least two minor versions after the first warning.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass


class TinyMLDeprecationWarning(DeprecationWarning):
    """Something stable is used that a later version removes."""


@dataclass(frozen=True)
class Deprecation:
    """``name`` warns since version ``since``, is gone in ``removed_in``, and is replaced by ``instead``."""

    name: str
    since: str
    removed_in: str
    instead: str


DEPRECATIONS: tuple[Deprecation, ...] = ()
"""Nothing yet: this is the first version."""


def warn(name: str, *, stacklevel: int = 2) -> None:
    """Say that ``name`` is deprecated, where the caller's caller stands.

    Raises:
        KeyError: the table does not hold ``name``.
    """
    row = {row.name: row for row in DEPRECATIONS}[name]
    message = f"{row.name} is deprecated since {row.since} and gone in {row.removed_in}; use {row.instead}"
    warnings.warn(message, TinyMLDeprecationWarning, stacklevel=stacklevel + 1)
