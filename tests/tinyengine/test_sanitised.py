"""Generated code under AddressSanitizer and UndefinedBehaviorSanitizer: no access outside the arena, no undefined step.

The program is a process of its own: every arena is a heap block of exactly ``arena_bytes``.
"""

from __future__ import annotations

import subprocess

import pytest

from tinyml_core.graph import Rounding

DRIVER = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

%(networks)s

typedef struct {
    int (*invoke)(void *);
    size_t arena_bytes;
} network;

static const network networks[] = {
%(rows)s
};

int main(void)
{
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; ++i) {
        const network *const n = &networks[i];
        unsigned char *const arena = malloc(n->arena_bytes);

        if (arena == NULL || fread(arena, 1, n->arena_bytes, stdin) != n->arena_bytes || n->invoke(arena) != 0) {
            return 1;
        }
        fwrite(arena, 1, n->arena_bytes, stdout);
        free(arena);
    }
    return 0;
}
"""


@pytest.mark.parametrize("quarter", range(4))
def test_nothing_undefined_happens(quarter, layer_graphs, make_network, write_sources, host_compiler, tmp_path):
    graphs = layer_graphs(list(Rounding)[quarter // 2], share=(quarter, 4))
    networks = [make_network(graph, f"n{i}", simd=quarter % 2 == 0) for i, graph in enumerate(graphs)]
    driver = tmp_path / "driver.c"
    includes = "\n".join(f'#include "{path.name}"' for path in write_sources(networks, tmp_path))
    rows = "\n".join(f"    {{{network.code.invoke}, {network.program.arena_bytes}}}," for network in networks)
    driver.write_text(DRIVER % {"networks": includes, "rows": rows})
    sanitise = ["-std=c99", "-O1", "-ffp-contract=off", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    program = tmp_path / "program"
    built = subprocess.run(
        [host_compiler, *sanitise, str(driver), "-o", str(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "cannot find -lasan" in built.stderr or "cannot find -lubsan" in built.stderr:
        pytest.skip("the host compiler has no sanitiser libraries")
    assert built.returncode == 0, built.stderr[:4000]
    inputs = [network.inputs() for network in networks]
    arenas = [bytearray(network.program.arena_bytes) for network in networks]
    for network, arena, values in zip(networks, arenas, inputs, strict=True):
        network.fill(arena, values)
    done = subprocess.run([str(program)], input=b"".join(arenas), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[:4000]
    rest, wrong = done.stdout, []
    for network, values in zip(networks, inputs, strict=True):
        arena, rest = rest[: network.program.arena_bytes], rest[network.program.arena_bytes :]
        if network.outputs(arena) != network.expected(values):
            wrong.append(network.graph.name)
    assert not wrong
