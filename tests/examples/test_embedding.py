"""The embedding example runs inside another program."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyml_core import Platform
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Conv2D
from tinyml_core.graph.serialise import save

EXAMPLE = Path(__file__).parents[2] / "examples" / "embedding" / "budget_gate.py"


@pytest.fixture(scope="module")
def gate_module():
    spec = importlib.util.spec_from_file_location("budget_gate", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["budget_gate"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    b = GraphBuilder("gate")
    q = Quantization.per_tensor(0.1)
    x = b.input("x", (1, 32, 32, 4), DType.INT8, q)
    w = b.constant("w", np.ones((4, 3, 3, 4), np.int8), Quantization.per_channel([0.01] * 4, 0))
    path = tmp_path_factory.mktemp("gate") / "gate.tinyml"
    save(b.build([b.node(Conv2D(padding=(1, 1, 1, 1)), [x, w], quantization=q)]), path)
    return path


def test_a_network_that_fits_passes(gate_module, model):
    verdict = gate_module.BudgetGate().judge(model, 24_000, 100_000)
    assert verdict.fits, verdict.reason
    assert 4096 <= verdict.sram_bytes <= 24_000


def test_a_tight_budget_fails_with_figures(gate_module, model):
    verdict = gate_module.BudgetGate().judge(model, 5_000, 100_000)
    assert not verdict.fits
    assert str(verdict.sram_bytes) in verdict.reason


def test_a_missing_model_is_a_verdict_not_a_crash(gate_module, tmp_path):
    assert "does not exist" in gate_module.BudgetGate().judge(tmp_path / "none.tinyml", 1, 1).reason


def test_the_board_is_known_to_its_platform_only(gate_module):
    from tinyml_core.hardware import HardwareProfile

    assert "product" in gate_module.BudgetGate().platform.names(HardwareProfile)
    assert "product" not in Platform().names(HardwareProfile)


def test_it_runs_as_a_program(model):
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(model), "24000", "100000"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "PASS: fits\n")
    assert done.stderr == ""
