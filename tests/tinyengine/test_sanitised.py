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

%(declarations)s

typedef struct {
    int (*invoke)(void *);
    size_t arena_bytes;
    size_t offset, size; /* the input */
    size_t out_offset, out_size;
} network;

static const network networks[] = {
%(rows)s
};

int main(void)
{
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; ++i) {
        const network *const n = &networks[i];
        unsigned char *const arena = malloc(n->arena_bytes);

        if (arena == NULL || fread(arena + n->offset, 1, n->size, stdin) != n->size || n->invoke(arena) != 0) {
            return 1;
        }
        fwrite(arena + n->out_offset, 1, n->out_size, stdout);
        free(arena);
    }
    return 0;
}
"""


def _row(network):
    (source,), (result,) = network.graph.inputs, network.graph.outputs
    buffers = [network.program.buffer_of(name) for name in (source, result)]
    places = ", ".join(f"{buffer.offset}, {buffer.size}" for buffer in buffers)
    return f"    {{{network.code.invoke}, {network.program.arena_bytes}, {places}}},"


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("simd", [True, False])
def test_nothing_undefined_happens(rounding, simd, layer_graphs, make_network, write_sources, host_compiler, tmp_path):
    graphs = [graph for graph in layer_graphs(rounding) if len(graph.inputs) == 1]
    networks = [make_network(graph, f"n{i}", simd=simd) for i, graph in enumerate(graphs)]
    driver = tmp_path / "driver.c"
    declarations = "\n".join(f"int {network.code.invoke}(void *arena);" for network in networks)
    driver.write_text(DRIVER % {"declarations": declarations, "rows": "\n".join(map(_row, networks))})
    sanitise = ["-std=c99", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    sources = [str(path) for path in write_sources(networks, tmp_path)]
    program = tmp_path / "program"
    built = subprocess.run(
        [host_compiler, *sanitise, str(driver), *sources, "-o", str(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "cannot find -lasan" in built.stderr or "cannot find -lubsan" in built.stderr:
        pytest.skip("the host compiler has no sanitiser libraries")
    assert built.returncode == 0, built.stderr[:4000]
    inputs = [network.inputs() for network in networks]
    given = b"".join(value.tobytes() for each in inputs for value in each.values())
    done = subprocess.run([str(program)], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[:4000]
    assert done.stdout == b"".join(n.expected(i) for n, i in zip(networks, inputs, strict=True))
