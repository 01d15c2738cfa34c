"""The packer: no two live blocks overlap, and the lower bound is reached or nearly so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_core.program.arena import Block, Extent, lower_bound, pack


@st.composite
def blocks(draw):
    found = []
    for number in range(draw(st.integers(1, 24))):
        first = draw(st.integers(0, 20))
        middle = first + draw(st.integers(0, 5))
        extents = [Extent(first, middle, draw(st.integers(1, 5000)))]
        if draw(st.booleans()):  # an operator worked in place: the chain changes height at the step they share
            extents.append(Extent(middle, middle + draw(st.integers(0, 5)), draw(st.integers(1, 5000))))
        found.append(Block(f"b{number}", tuple(extents), draw(st.sampled_from([1, 4, 8, 16]))))
    return found


@settings(max_examples=40, deadline=None)
@given(blocks())
def test_live_blocks_never_overlap(found):
    packing = pack(found)
    occupied = {}
    for block in found:
        offset = packing.offsets[block.name]
        assert offset % block.alignment == 0
        assert offset + block.height <= packing.size
        for first, last, height in block.extents:
            for step in range(first, last + 1):
                occupied.setdefault(step, {}).setdefault(block.name, []).append((offset, offset + height))
    for step, spans in occupied.items():
        names = list(spans)
        for i, left in enumerate(names):
            for right in names[i + 1 :]:
                for low, high in spans[left]:
                    for other_low, other_high in spans[right]:
                        assert high <= other_low or other_high <= low, (step, left, right)
    assert packing.size >= packing.lower_bound == lower_bound(found)


def test_a_staircase_frees_its_upper_part():
    # "a" shrinks from 100 to 20 bytes in place, so "b" fits above it in the arena of 100.
    a = Block("a", (Extent(0, 1, 100), Extent(1, 3, 20)), 4)
    b = Block("b", (Extent(2, 3, 80),), 4)
    assert pack([a, b]).size == 100


@pytest.mark.parametrize("seed", range(5))
def test_chains_of_layers_are_packed_within_one_percent(seed):
    rng = np.random.default_rng(seed)
    found, previous = [], int(rng.integers(1, 500)) * 16
    for step in range(40):  # a network: each tensor lives from its producer to its consumer, some to a later residual
        reach = int(rng.choice([1, 1, 1, 3]))
        found.append(Block(f"t{step}", (Extent(step, step + reach, previous),), 4))
        previous = int(rng.integers(1, 500)) * 16
    packing = pack(found)
    assert packing.size <= 1.01 * packing.lower_bound


def test_the_lower_bound_counts_the_gaps_of_alignment():
    found = [Block(name, (Extent(0, 0, 5),), 4) for name in "abc"]
    assert lower_bound(found) == pack(found).size == 21


def test_packing_is_deterministic():
    rng = np.random.default_rng(3)
    found = [
        Block(
            f"t{i}", (Extent(int(f := rng.integers(0, 9)), int(f + rng.integers(0, 9)), int(rng.integers(1, 999))),), 4
        )
        for i in range(30)
    ]
    assert pack(found) == pack(found)


def test_nothing_to_place():
    assert pack([]).size == 0
