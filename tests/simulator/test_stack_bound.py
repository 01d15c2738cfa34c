"""The static bound of the stack is never below what a run measures, and is missing where there is none."""

from __future__ import annotations

import pytest

from tinyml_plugins.simulator.runner import UnicornRunner

BODY = """
#define KEEP __attribute__((noinline, noclone))
KEEP int leaf(int n) { volatile int space[20]; space[n] = n; return space[n]; }
KEEP int wide(int n) { volatile int space[50]; space[n] = n; return space[n] + 1; }
KEEP int both(int n) { volatile int own[4]; own[n] = leaf(n); return own[n] + wide(n) + leaf(n + 1); }
KEEP float real(int n) { volatile float x = (float)n; return x * (float)leaf(n) + (float)wide(n); }
KEEP int again(int n) { volatile int own[4]; own[0] = n; return n == 0 ? 0 : again(n - 1) + own[0]; }
KEEP int jump(int (*to)(int)) { volatile int own[4]; own[0] = 1; return to(own[0]) + own[0]; }
KEEP int variable(int n) { volatile int own[n]; own[n - 1] = 3; return own[n - 1]; }
"""
BOUNDED, UNBOUNDED = ("leaf", "wide", "both", "real"), ("again", "jump", "variable")


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m7"])
def test_bound_covers_what_is_measured(core, toolchain, compile_c, make_profile):
    profile = make_profile(core)
    binary = compile_c(BODY, BOUNDED + UNBOUNDED, toolchain=toolchain, profile=profile)
    device = UnicornRunner().load(binary.path, profile)
    for name in BOUNDED:
        measured = device.call(name, [2], profile=True)[1].stack_bytes
        assert measured <= binary.stack_bounds[name] <= measured + 8, name
    assert binary.stack_bounds["both"] > binary.stack_bounds["wide"] >= 200
    assert not set(UNBOUNDED) & set(binary.stack_bounds)
