"""``tinyml_arithmetic.h`` function by function against the reference arithmetic in NumPy."""

from __future__ import annotations

import ctypes
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_core.arithmetic.multiplier import Multipliers
from tinyml_core.arithmetic.requantise import requantise
from tinyml_core.graph import Rounding
from tinyml_plugins.tinyengine.generator import SHARED
from tinyml_plugins.tinyengine.rendering import render

SOURCE = """
#include "tinyml_arithmetic.h"
#include "tinyml_pairs.h"
int32_t rescale(uint32_t sum, int32_t mantissa, int32_t shift);
int32_t rescale(uint32_t sum, int32_t mantissa, int32_t shift) { return tinyml_rescale(sum, mantissa, shift); }
int32_t bounded(int32_t sum, int32_t mantissa, int32_t shift);
int32_t bounded(int32_t sum, int32_t mantissa, int32_t shift) { return tinyml_rescale_bounded(sum, mantissa, shift); }
int32_t single(uint32_t sum, int32_t mantissa, int32_t shift);
int32_t single(uint32_t sum, int32_t mantissa, int32_t shift)
{
    return tinyml_rescale_shifted(sum, mantissa, shift);
}
uint32_t dual(uint32_t left, uint32_t right, uint32_t sum);
uint32_t dual(uint32_t left, uint32_t right, uint32_t sum) { return tinyml_dual_multiply_add(left, right, sum); }
"""
INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
SMALL = st.integers(-(1 << 30) + 1, (1 << 30) - 1)
MANTISSA = st.integers(0, (1 << 31) - 1)


@pytest.fixture(scope="module")
def header(host_compiler, tmp_path_factory):
    folder = tmp_path_factory.mktemp("header")
    for name in SHARED:
        (folder / name).write_text(render(name))
    (folder / "functions.c").write_text(SOURCE)
    library = folder / "functions.so"
    subprocess.run(
        [host_compiler, "-std=c99", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-shared", "-fPIC",
         str(folder / "functions.c"), "-o", str(library)],
        check=True,
    )  # fmt: skip
    return ctypes.CDLL(str(library))


def _reference(rounding, value, mantissa, shift):
    return int(requantise(np.array([value], np.int64), Multipliers(rounding, (mantissa,), (shift,)))[0])


@settings(max_examples=500, deadline=None)
@given(value=INT32, mantissa=MANTISSA, shift=st.integers(-31, 30))
def test_rescale(header, value, mantissa, shift):
    assert header.rescale(ctypes.c_uint32(value & 0xFFFFFFFF), mantissa, shift) == _reference(
        Rounding.TFLITE, value, mantissa, shift
    )


@settings(max_examples=500, deadline=None)
@given(value=SMALL, mantissa=MANTISSA, shift=st.integers(-31, 0))
def test_bounded_rescale(header, value, mantissa, shift):
    assert header.bounded(value, mantissa, shift) == _reference(Rounding.TFLITE, value, mantissa, shift)


@settings(max_examples=500, deadline=None)
@given(value=INT32, mantissa=MANTISSA, shift=st.integers(0, 31))
def test_single(header, value, mantissa, shift):
    exact = _reference(Rounding.SINGLE, value, mantissa, shift)
    saturated = min(max(exact, -(1 << 31)), (1 << 31) - 1)
    assert header.single(ctypes.c_uint32(value & 0xFFFFFFFF), mantissa, shift) == saturated


@settings(max_examples=200, deadline=None)
@given(halves=st.tuples(*[st.integers(-(1 << 15), (1 << 15) - 1)] * 4), value=INT32)
def test_dual_multiply_add(header, halves, value):
    a, b, c, d = halves
    header.dual.restype = ctypes.c_uint32
    words = [ctypes.c_uint32((high & 0xFFFF) << 16 | (low & 0xFFFF)) for low, high in ((a, b), (c, d))]
    assert header.dual(*words, ctypes.c_uint32(value & 0xFFFFFFFF)) == (a * c + b * d + value) & 0xFFFFFFFF
