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


STUCK = [
    [(0, 5, 150528)], [(0, 5, 8064)], [(0, 5, 2688)], [(0, 5, 1792)], [(0, 5, 53760)], [(0, 5, 5376)],
    [(0, 9, 50176)], [(6, 9, 37632)], [(6, 9, 896)], [(6, 18, 50176)],
    [(10, 12, 200704), (12, 13, 50176)], [(14, 16, 200704), (16, 17, 50176)], [(18, 19, 200704), (19, 21, 50176)],
    [(20, 25, 25088)], [(20, 23, 150528), (23, 25, 25088)], [(24, 29, 25088)], [(24, 27, 100352), (27, 29, 25088)],
    [(28, 31, 150528), (31, 33, 25088)], [(32, 33, 896)], [(32, 34, 100352), (34, 35, 25088), (35, 44, 10976)],
    [(7, 7, 3940)], [(11, 11, 7688)], [(19, 19, 4592)], [(22, 22, 2312)], [(26, 26, 2312)], [(30, 30, 2312)],
]  # fmt: skip
"""A network of the space ``mcunet`` (a segment, then layers in place) at which one long local search gets stuck."""


def test_a_local_search_begun_anew_gets_out_of_a_dead_end():
    found = [Block(f"b{number}", tuple(Extent(*each) for each in chain), 4) for number, chain in enumerate(STUCK)]
    assert pack(found).size == lower_bound(found) == 272384


def test_nothing_to_place():
    assert pack([]).size == 0
