"""The code generator for a target: the one asked for or the target's own, with the kernels that both name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tinyml_core.api.generator import CodeGenerator, ExtensibleGenerator, Kernel
from tinyml_core.errors import InputError
from tinyml_core.hardware.profile import HardwareProfile

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


def generator_for(
    platform: Platform, profile: HardwareProfile, name: str | None = None,
    options: Mapping[str, object] | None = None, kernels: Sequence[str] = (),
) -> CodeGenerator:  # fmt: skip
    """The code generator ``name``, or the target's own, with ``kernels`` and those of the target beside its own.

    The target's kernels are for the target's generator: another one is used without them.

    Raises:
        PluginError: the generator or a kernel cannot be had.
        InputError: the options are not usable, or a kernel is for another generator, or this one takes none.
    """
    tools = profile.tools
    chosen = name or tools.generator
    generator = platform.create(CodeGenerator, chosen, options, "generator.options")
    own = tools.kernels if chosen == tools.generator else ()
    names = tuple(dict.fromkeys((*own, *kernels)))
    if not names:
        return generator
    if not isinstance(generator, ExtensibleGenerator):
        raise InputError(f"code generator {chosen!r} takes no kernels", place=f"kernel {names[0]!r}")
    given = {each: platform.create(Kernel, each) for each in names}
    for each, kernel in given.items():
        if kernel.generator != chosen.rpartition(":")[2]:
            raise InputError(
                f"is for code generator {kernel.generator!r}, not {chosen!r}", place=f"kernel {each!r}",
                remedy="leave it out, or choose that generator",
            )  # fmt: skip
    return generator.with_kernels(given)
