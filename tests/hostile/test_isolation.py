"""The judge can tell what it is there to tell."""

import os
import signal
import time
import warnings

import numpy as np
import pytest

from tinyml_core.errors import InputError
from tinyml_core.testing.isolation import Limits, isolated


def _refuse():
    raise InputError("is bad", place="file")


def _spend(size):
    return str(np.ones(size, np.uint8).sum())


CASES = {
    "accepted": (lambda: "fine", "fine"),
    "refused": (_refuse, "file: is bad"),
    "traceback": (lambda: {}["x"], "KeyError"),
    "warning": (lambda: warnings.warn("careful", RuntimeWarning, stacklevel=1), "RuntimeWarning"),
    "exit": (lambda: exit(0), "SystemExit"),
    "crashed": (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
    "gone": (lambda: os._exit(0), "exit status 0"),
    "hung": (lambda: time.sleep(60), "1 s"),
    "memory": (lambda: _spend(100 << 20), "grew by"),
    "claim": (lambda: _spend(1 << 40), "MemoryError"),
}
OUTCOMES = {"warning": "traceback", "exit": "traceback", "gone": "crashed", "claim": "memory"}


@pytest.mark.parametrize("case", CASES)
def test_outcomes(case):
    work, detail = CASES[case]
    verdict = isolated(work, Limits(seconds=1, memory=64 << 20))
    assert verdict.outcome == OUTCOMES.get(case, case)
    assert detail in verdict.detail
