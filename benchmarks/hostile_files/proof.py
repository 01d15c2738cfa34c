"""Proof that an accepted network computes the reference's bytes: its C, compiled for the host among that of others.

Networks with the same C are compiled once. The same C computes the same bytes from the same inputs, so that it proves
each of them whose reference gives these bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from compiled_networks.network import Network
from compiled_networks.running import HostLibrary
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.compilation import STACK_RESERVE, CompileOptions
from tinyml_core.pipeline.generation import generator_for
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.platform import Platform
from tinyml_core.program.planner import plan

MOST_OPERATIONS = 200_000_000
"""Operations above which an accepted network is not run: the reference takes minutes for more."""
COMPILER, FLAGS = "gcc", ("-O0",)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def network_of(path: Path, prefix: str, profile: HardwareProfile, platform: Platform) -> Network:
    """The network of a file as ``tinyml compile`` plans and generates it; raises what that does."""
    options = CompileOptions()
    generator = generator_for(platform, profile)
    graph = apply_passes(platform.load(path), platform)
    region = profile.largest("sram")
    program = plan(
        graph, profile, lambda node: generator.candidates(node, graph, profile),
        objective=options.objective, budget=region.size - STACK_RESERVE, region=region.name,
    )  # fmt: skip
    return Network(graph, program, generator.generate(program, prefix))


def generated(network: Network, prefix: str) -> str:
    """What :func:`proved` has to know, as JSON: a digest of the C without its comments, and one of the outputs."""
    text = "\n".join(
        COMMENT.sub("", text).replace(prefix, "net").replace(prefix.upper(), "NET")
        for _, text in sorted(network.code.files.items())
    )
    if network.graph.operations > MOST_OPERATIONS:
        return json.dumps({"large": network.graph.operations})
    return json.dumps({"source": _digest(text.encode()), "outputs": _digest(network.expected(network.inputs()))})


def proved(networks: Sequence[Network], folder: Path) -> str:
    """Digests of the outputs that the C of ``networks`` computes on this machine, as JSON."""
    library = HostLibrary(COMPILER, list(networks), folder, *FLAGS)
    return json.dumps([_digest(library.run(network, network.inputs())) for network in networks])


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:24]
