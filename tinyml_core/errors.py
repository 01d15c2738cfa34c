"""Errors of the platform: one sentence each, saying what is wrong, where, and what to do next.

Everything a caller may want to catch derives from :class:`TinyMLError`. The command line turns any of them into
that sentence on standard error and exit code 2; no other exception is expected to leave the library.
"""

from __future__ import annotations


class TinyMLError(Exception):
    """A problem the user can act on.

    ``problem`` says what is wrong, ``place`` where (a file, a key, a node), ``remedy`` what to do next.
    """

    def __init__(self, problem: str, *, place: str = "", remedy: str = "") -> None:
        self.problem, self.place, self.remedy = problem, place, remedy
        super().__init__(problem)

    def __str__(self) -> str:
        sentence = f"{self.place}: {self.problem}" if self.place else self.problem
        return f"{sentence}; {self.remedy}" if self.remedy else sentence

    def __reduce__(self) -> tuple[object, ...]:  # keyword arguments survive the trip back from a worker process
        return _rebuild, (type(self), self.problem, self.place, self.remedy)


def _rebuild(kind: type[TinyMLError], problem: str, place: str, remedy: str) -> TinyMLError:
    return kind(problem, place=place, remedy=remedy)


class InputError(TinyMLError):
    """A file, a value or an option given by the user is not usable."""


class GraphError(TinyMLError):
    """A graph breaks a rule of the intermediate representation; ``place`` names the node or tensor."""


class UnsupportedError(TinyMLError):
    """A well-formed request that no installed component can carry out."""


class CapacityError(TinyMLError):
    """A network does not fit a memory region, a budget or a limit; the message says by how much."""


class PluginError(TinyMLError):
    """A plugin that was asked for is unknown, ambiguous, blocked, incompatible or broken."""


class ToolchainError(TinyMLError):
    """A compiler is absent or refused the generated sources."""


class DeviceFault(TinyMLError):
    """The program faulted on the (emulated) core; the message names symbol, address and kind."""
