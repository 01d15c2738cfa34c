"""Files nobody vouches for, made small, and a process of its own to read them in."""

import sys

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinyml_core.platform import Platform
from tinyml_core.testing.isolation import Limits, isolated

if not sys.platform.startswith("linux"):
    collect_ignore_glob = ["test_*.py"]  # limits and peak memory are Linux's


@pytest.fixture(scope="session")
def platform():
    return Platform()


@pytest.fixture
def judged(platform):
    """What becomes of a model file, read in a process of its own within the limits."""

    def judge(path, memory=512 << 20):
        return isolated(lambda: platform.load(path).name, Limits(memory=memory))

    return judge


@pytest.fixture
def onnx_file(tmp_path):
    """Writes a one-convolution ONNX network after ``change`` has worked on it."""

    def write(change=lambda model: None, **attributes):
        weights = numpy_helper.from_array(np.ones((2, 2, 3, 3), np.float32), "w")
        node = helper.make_node("Conv", ["x", "w"], ["y"], name="conv", **{"pads": [1, 1, 1, 1], **attributes})
        ports = (helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 2, 4, 4)) for name in "xy")
        graph = helper.make_graph([node], "net", [next(ports)], [next(ports)], [weights])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        change(model)
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return write
