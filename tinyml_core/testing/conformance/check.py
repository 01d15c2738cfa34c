"""Check: one thing that a plugin must do, as a function that raises when it does not.

The name and the sentence that tell a check are those of its function, so that the classes of pytest, ``tinyml plugins
check``, the documentation and the kit's own tests all show the same rows::

    def is_positive(subject: Subject) -> None:
        \"\"\"The answer is positive.\"\"\"
        require(answer(subject) > 0, "the answer is -3")

    CHECKS = (Check(is_positive),)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from unittest import SkipTest

from tinyml_core.errors import TinyMLError
from tinyml_core.provenance import in_one_line
from tinyml_core.testing.conformance.subject import Subject

Outcome = Literal["passed", "failed", "skipped"]


class Violation(AssertionError):
    """A subject does not do what a check demands; the text says what it did instead."""


class NotApplicable(SkipTest):  # pytest and unittest both count it as skipped
    """A check has nothing to say about a subject; the text says why."""


@dataclass(frozen=True)
class Check:
    """One row of the table of checks."""

    run: Callable[[Subject], None]
    """Raises :class:`Violation` or :class:`NotApplicable`; whatever else it raises is the subject's fault too."""
    slow: bool = False
    """Whether it compiles, trains or starts processes: more than a second or so."""

    @property
    def name(self) -> str:
        """What reports call it: the function's name with hyphens."""
        return self.run.__name__.replace("_", "-")

    @property
    def demand(self) -> str:
        """What it demands, in one sentence: the function's docstring."""
        return " ".join((inspect.getdoc(self.run) or "").partition("\n\n")[0].split())


@dataclass(frozen=True)
class Finding:
    """How one check of one subject ended; ``detail`` says why when it did not pass."""

    check: Check
    subject: Subject
    outcome: Outcome
    detail: str = ""


def carry_out(check: Check, subject: Subject) -> Finding:
    """Run a check and say how it ended."""
    try:
        check.run(subject)
    except SkipTest as reason:
        return Finding(check, subject, "skipped", str(reason))
    except Violation as violation:
        return Finding(check, subject, "failed", " ".join(str(violation).split()))
    except (Exception, SystemExit) as error:  # plugin code may raise anything; all of it is a failure
        return Finding(check, subject, "failed", f"raised {in_one_line(error)}")
    return Finding(check, subject, "passed")


def require(condition: object, otherwise: str) -> None:
    """Raise :class:`Violation` with the text ``otherwise`` unless ``condition`` holds."""
    if not condition:
        raise Violation(otherwise)


def refusal(action: Callable[[], object], what: str) -> TinyMLError:
    """The platform's error that ``action`` ends with.

    Raises:
        Violation: it ended with another exception, or with none.
    """
    try:
        action()
    except TinyMLError as error:
        return error
    except SkipTest:
        raise
    except (Exception, SystemExit) as error:  # plugin code may raise anything
        raise Violation(f"{what} raised {in_one_line(error)}, which is no TinyMLError") from error
    raise Violation(f"{what} was accepted")
