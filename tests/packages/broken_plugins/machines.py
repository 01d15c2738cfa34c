"""The bundled compiler, emulator and executor, and what violates a check of toolchains, runners and executors."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace

from broken_plugins.mutant import mutants
from tinyml_core.errors import CapacityError, ToolchainError, UnsupportedError
from tinyml_core.testing.conformance.samples.calling import Calling
from tinyml_plugins.simulator.runner import UnicornRunner
from tinyml_plugins.simulator.zig import ZigToolchain


@dataclass(frozen=True, kw_only=True)
class Vague(ZigToolchain):
    def missing(self):
        return ""


@dataclass(frozen=True, kw_only=True)
class Weightless(ZigToolchain):
    def build(self, *arguments, **options):
        return replace(super().build(*arguments, **options), code=0)


@dataclass(frozen=True, kw_only=True)
class Rounded(ZigToolchain):
    def build(self, *arguments, **options):
        return replace(super().build(*arguments, **options), static=1000)


@dataclass(frozen=True, kw_only=True)
class Confused(ZigToolchain):
    def build(self, *arguments, **options):
        try:
            return super().build(*arguments, **options)
        except CapacityError as error:
            raise ToolchainError(str(error)) from None


@dataclass(frozen=True, kw_only=True)
class Curt(ZigToolchain):
    def build(self, *arguments, **options):
        try:
            return super().build(*arguments, **options)
        except ToolchainError:
            raise ToolchainError("it failed") from None


@dataclass(frozen=True, kw_only=True)
class Evasive(ZigToolchain):
    def build(self, *arguments, **options):
        try:
            return super().build(*arguments, **options)
        except UnsupportedError:
            raise ToolchainError("it failed") from None


class Wrapped:
    """A device that does what another does; broken ones override one thing."""

    def __init__(self, device):
        self.device = device

    def address(self, symbol):
        return self.device.address(symbol)

    def write(self, address, data):
        self.device.write(address, data)

    def read(self, address, size):
        return self.device.read(address, size)

    def call(self, symbol, arguments, **options):
        return self.device.call(symbol, arguments, **options)


class Wrong(Wrapped):
    def call(self, symbol, arguments, **options):
        result, measurement = super().call(symbol, arguments, **options)
        return result + (arguments == [2, 3]), measurement


class Forgetting(Wrapped):
    def read(self, address, size):
        return bytes(size) if size == 64 else super().read(address, size)


class Tired(Wrapped):
    def call(self, symbol, arguments, **options):
        result, measurement = super().call(symbol, arguments, **options)
        return result + (LOADED[-1] in LOADED[:-1] and arguments == [0, 0] and symbol == "kit_add"), measurement


class Constant(Wrapped):
    def call(self, symbol, arguments, **options):
        result, measurement = super().call(symbol, arguments, **options)
        return result, measurement and replace(measurement, instructions=7)


class Blunt(Wrapped):
    def address(self, symbol):
        try:
            return super().address(symbol)
        except Exception:
            raise KeyError(symbol) from None


LOADED: list[object] = []


@dataclass(frozen=True, kw_only=True)
class Runner(UnicornRunner):
    device: type = field(default=Wrapped, init=False)

    def load(self, binary, profile):
        LOADED.append(binary)
        return self.device(super().load(binary, profile))


@dataclass(frozen=True, kw_only=True)
class WrongRunner(Runner):
    device: type = field(default=Wrong, init=False)


@dataclass(frozen=True, kw_only=True)
class ForgettingRunner(Runner):
    device: type = field(default=Forgetting, init=False)


@dataclass(frozen=True, kw_only=True)
class TiredRunner(Runner):
    device: type = field(default=Tired, init=False)


@dataclass(frozen=True, kw_only=True)
class ConstantRunner(Runner):
    device: type = field(default=Constant, init=False)


@dataclass(frozen=True, kw_only=True)
class BluntRunner(Runner):
    device: type = field(default=Blunt, init=False)


class Forged(Executor):
    """Answers as :class:`Calling` does; ``failure`` makes of an error what the pool gives back."""

    def __init__(self, sound, offset=0, swallow=False):
        self.sound, self.offset, self.swallow = sound, offset, swallow

    def submit(self, fn, /, *arguments, **options):
        future = self.sound.submit(fn, *arguments, **options)
        if self.swallow and future.exception() is not None:
            future = Future()
            future.set_result(None)
        if self.offset and arguments == (2,):
            future = Future()
            future.set_result(5)
        return future


class Miscounting(Calling):
    def open(self, workers):
        return Forged(super().open(workers), offset=1)


class Swallowing(Calling):
    def open(self, workers):
        return Forged(super().open(workers), swallow=True)


@dataclass(frozen=True)
class Single(Calling):
    opened: list[int] = field(default_factory=list, init=False)

    def open(self, workers):
        self.opened.append(workers)
        if len(self.opened) > 1:
            raise RuntimeError("one pool is all there is")
        return super().open(workers)


MUTANTS = (
    *mutants(
        "toolchain",
        {
            "says-what-is-missing": Vague,
            "builds-what-fits": Weightless,
            "sizes-are-those-of-the-data": Rounded,
            "overflow-is-a-capacity-error": Confused,
            "broken-sources-are-refused": Curt,
            "unknown-cores-are-refused": Evasive,
        },
    ),
    *mutants(
        "runner",
        {
            "functions-are-called": WrongRunner,
            "memory-is-shared": ForgettingRunner,
            "loading-resets-the-machine": TiredRunner,
            "what-it-measures-is-plausible": ConstantRunner,
            "faults-are-named": BluntRunner,
        },
    ),
    *mutants(
        "executor",
        {"calls-are-carried-out": Miscounting, "errors-come-back": Swallowing, "pools-are-fresh": Single},
    ),
)
