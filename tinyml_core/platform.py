"""Platform: the object a tool embeds.

    platform = Platform()
    platform.compile("model.tinyml", "stm32f746", "out")
    print(platform.run("out").report()["instructions"])

It holds no global state, prints nothing and never exits: two platforms with different plugins live side by side in one
process. Plugins are loaded when something is first looked up.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tinyml_core.errors import PluginError
from tinyml_core.events import Event
from tinyml_core.graph.graph import Graph
from tinyml_core.hardware.files import read_profile
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.kinds import KINDS
from tinyml_core.manager import PluginManager
from tinyml_core.provenance import PluginRecord
from tinyml_core.registry import Registry

if TYPE_CHECKING:
    import numpy.typing as npt

    from tinyml_core.config import Project
    from tinyml_core.pipeline.adaptation import AdaptOptions
    from tinyml_core.pipeline.build_description import ReportOptions
    from tinyml_core.pipeline.building import Built
    from tinyml_core.pipeline.compilation import Compiled, CompileOptions
    from tinyml_core.pipeline.execution import Execution
    from tinyml_core.pipeline.packaging import Packaged
    from tinyml_core.pipeline.searching import Found
    from tinyml_core.pipeline.space_selection import SelectionOptions, SpaceSelection
    from tinyml_core.pipeline.tuning import Tuning

T = TypeVar("T")

NO_PLUGINS = "TINYML_NO_PLUGINS"
"""Environment variable: names of plugins to leave out, separated by commas."""
STRICT_PLUGINS = "TINYML_STRICT_PLUGINS"
"""Environment variable: ``1`` makes a plugin that does not load an error."""


@dataclass(frozen=True)
class PlatformSettings:
    """What a worker process needs to make an equal platform; picklable when its plugin objects are."""

    plugins: tuple[object, ...]
    discover: bool
    disable: tuple[str, ...]
    strict: bool


class Platform:
    """The installed plugins and everything that can be done with them.

    ``plugins`` are further plugins as objects (a module, a class or an instance with hook implementations);
    ``discover=False`` leaves out the installed ones. ``disable`` names plugins that are not even imported. ``strict``
    turns a plugin that does not load into an error. ``listen`` hears every event; what it raises is not caught.
    """

    def __init__(
        self,
        *,
        plugins: Sequence[object] = (),
        discover: bool = True,
        disable: Collection[str] = (),
        strict: bool = False,
        listen: Callable[[Event], None] | None = None,
    ) -> None:
        disabled = {*disable, *(name.strip() for name in os.environ.get(NO_PLUGINS, "").split(","))} - {""}
        strict = strict or os.environ.get(STRICT_PLUGINS) == "1"
        self._settings = PlatformSettings(tuple(plugins), discover, tuple(sorted(disabled)), strict)
        self._listen = listen
        self._worker = False

    @classmethod
    def from_settings(cls, settings: PlatformSettings) -> Platform:
        """The platform of a worker process: equal to the one that gave ``settings``, but silent.

        It neither sends events nor repeats warnings, because the parent process does.
        """
        platform = cls(
            plugins=settings.plugins, discover=settings.discover, disable=settings.disable, strict=settings.strict
        )
        platform._worker = True
        return platform

    @property
    def settings(self) -> PlatformSettings:
        """What :meth:`from_settings` needs in another process.

        Raises:
            PluginError: a plugin object cannot be sent there.
        """
        for plugin in self._settings.plugins:
            try:
                pickle.dumps(plugin)
            except Exception as error:  # what pickling raises depends on the object
                name = getattr(plugin, "__name__", type(plugin).__name__)
                remedy = "pass an instance of a class that can be imported, or install the plugin"
                raise PluginError(
                    f"plugin object {name!r} cannot be sent to a worker: {error}", remedy=remedy
                ) from error
        return self._settings

    @cached_property
    def _plugins(self) -> PluginManager:
        chosen = self._settings
        return PluginManager(
            chosen.plugins,
            discover=chosen.discover,
            disable=chosen.disable,
            strict=chosen.strict,
            quiet=self._worker,
        )

    @cached_property
    def registry(self) -> Registry:
        """What the plugins offer, by kind and name."""
        return Registry(self._plugins.records, strict=self._settings.strict)

    def create(self, protocol: type[T], name: str, options: Mapping[str, object] | None = None, place: str = "") -> T:
        """Make the component ``name`` (or ``plugin:name``) of the kind whose Protocol is ``protocol``.

        ``place`` is where ``options`` stand in the user's input, such as ``search.options``.

        Raises:
            PluginError: the name is unknown or ambiguous, or its plugin is broken.
            InputError: the options are not usable; all their problems in one message.
        """
        claim = self.registry.find(_kind(protocol), name)
        made = claim.create(options or {}, place)
        with claim.blamed("cannot be checked"):
            if isinstance(made, protocol):
                return made
        parts = [part for part in dir(protocol) if not part.startswith("_")]
        missing = ", ".join(part for part in parts if getattr(made, part, None) is None) or "its type"
        problem = f"{claim.title} ({claim.hook}) is no {protocol.__name__}: it lacks {missing}"
        raise PluginError(problem, remedy=f"tell its author, or leave it out with --no-plugin {claim.plugin.name}")

    def names(self, protocol: type) -> list[str]:
        """What :meth:`create` can be asked for, sorted."""
        return self.registry.names(_kind(protocol))

    def describe(self) -> tuple[PluginRecord, ...]:
        """Every plugin known, loaded or not, with what it brings."""
        return self.registry.records

    def target(self, name: str) -> HardwareProfile:
        """The hardware profile called ``name``, or in the YAML file at that path.

        Raises:
            PluginError: no plugin knows the name.
            InputError: the file is not a usable profile.
        """
        if name.endswith((".yaml", ".yml")):
            return read_profile(Path(name))
        return self.create(HardwareProfile, name)

    def load(self, model: object, example: object = None) -> Graph:
        """The network in a model file, read by the importer of its suffix, or that of another library's object.

        ``model`` is a path, or a module such as PyTorch's; then ``example`` is its input, or a tuple of them.

        Raises:
            InputError: the file cannot be read as what it claims to be, or ``example`` does not suit.
            UnsupportedError: no importer knows the suffix or the object, or the network uses something unknown.
        """
        from tinyml_core.pipeline.loading import load_model, load_module

        if isinstance(model, str | os.PathLike):
            return load_model(Path(model), self)
        return load_module(model, example, self)

    def compile(
        self, model: str | Path | Graph, target: str | HardwareProfile, out: str | Path,
        options: CompileOptions | None = None,
    ) -> Compiled:  # fmt: skip
        """Compile a network for a target into the folder ``out``; see :mod:`tinyml_core.pipeline.compilation`."""
        from tinyml_core.pipeline.compilation import CompileOptions, compile_graph
        from tinyml_core.pipeline.stages import Stages

        profile = target if isinstance(target, HardwareProfile) else self.target(target)
        graph = model if isinstance(model, Graph) else self.load(model)
        with Stages(self.emit).stage("compile") as stage:
            compiled = compile_graph(graph, profile, Path(out), options or CompileOptions(), self)
            stage.result = compiled.manifest.compiler
        return compiled

    def tune(
        self, model: str | Path | Graph, target: str | HardwareProfile, options: CompileOptions | None = None
    ) -> Tuning:
        """Measure the kernels a network could use on a target; see :mod:`tinyml_core.pipeline.tuning`."""
        from tinyml_core.pipeline.compilation import CompileOptions, tune
        from tinyml_core.pipeline.stages import Stages

        profile = target if isinstance(target, HardwareProfile) else self.target(target)
        graph = model if isinstance(model, Graph) else self.load(model)
        return tune(graph, profile, options or CompileOptions(), self, Stages(self.emit))

    def run(
        self, folder: str | Path, inputs: Mapping[str, npt.NDArray[Any]] | None = None, *, seed: int = 0,
        runner: str | None = None, trained: str | Path | None = None,
    ) -> Execution:  # fmt: skip
        """Run a compiled folder on its emulated core; see :mod:`tinyml_core.pipeline.execution`."""
        from tinyml_core.pipeline.execution import run_folder
        from tinyml_core.pipeline.stages import Stages

        samples = max((len(array) for array in inputs.values() if array.ndim), default=1) if inputs else 1
        with Stages(self.emit).stage("run", samples) as stage:
            execution = run_folder(
                Path(folder), inputs, self, seed=seed, runner=runner, trained=Path(trained) if trained else None,
                advance=stage.advance,
            )  # fmt: skip
            stage.result = f"{execution.samples} samples"
        return execution

    def search(self, project: Project, journal: str | Path | None = None, *, resume: bool = False) -> Found:
        """Search for a network; see :mod:`tinyml_core.pipeline.searching`."""
        from tinyml_core.pipeline.searching import search_project

        return search_project(project, self, Path(journal) if journal else None, resume=resume)

    def select_space(self, project: Project, options: SelectionOptions | None = None) -> SpaceSelection:
        """Choose the space to search; see :mod:`tinyml_core.pipeline.space_selection`."""
        from tinyml_core.pipeline.space_selection import SelectionOptions, select_space

        return select_space(project, options or SelectionOptions(), self)

    def build(self, project: Project, out: str | Path) -> Built:
        """Carry out a whole project into the folder ``out``; see :mod:`tinyml_core.pipeline.building`."""
        from tinyml_core.pipeline.building import build_project

        return build_project(project, Path(out), self)

    def adapt(
        self, model: str | Path | Graph, target: str | HardwareProfile, out: str | Path, options: AdaptOptions
    ) -> Built:
        """Let a network learn from data, on the device too; see :mod:`tinyml_core.pipeline.adaptation`."""
        from tinyml_core.pipeline.adaptation import adapt_network

        profile = target if isinstance(target, HardwareProfile) else self.target(target)
        graph = model if isinstance(model, Graph) else self.load(model)
        return adapt_network(graph, profile, Path(out), options, self)

    def package(
        self, folder: str | Path, ecosystem: str, out: str | Path | None = None,
        options: Mapping[str, object] | None = None,
    ) -> Packaged:  # fmt: skip
        """Write a compiled folder as a project of an ecosystem; see :mod:`tinyml_core.pipeline.packaging`."""
        from tinyml_core.pipeline.packaging import package_folder

        return package_folder(Path(folder), ecosystem, Path(out) if out else None, self, options)

    def report(
        self, sources: Sequence[str | Path], out: str | Path, options: ReportOptions | None = None, *,
        reporter: str = "html",
    ) -> tuple[dict[str, Any], Path]:  # fmt: skip
        """Write about builds into the folder ``out``; the object and the file; see :mod:`.pipeline.reporting`."""
        from tinyml_core.pipeline.build_description import ReportOptions
        from tinyml_core.pipeline.reporting import write_report

        return write_report([Path(each) for each in sources], Path(out), reporter, self, options or ReportOptions())

    def emit(self, event: Event) -> None:
        """Send ``event`` to the ``listen`` callback and to the plugins that hear events."""
        if self._worker:
            return
        if self._listen is not None:
            self._listen(event)
        self._plugins.notify(event)


def _kind(protocol: type) -> str:
    address = f"{protocol.__module__}:{protocol.__qualname__}"
    for kind in KINDS.values():
        if kind.protocol == address:
            return kind.name
    raise PluginError(f"{address} is no kind of component", remedy="see `tinyml plugins hooks` for the kinds there are")
