"""The platform's own checks of everything that the distribution brings."""

from __future__ import annotations

from tinyml_core.api.generator import Kernel
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Clamp
from tinyml_core.testing.conformance import HardwareConformance, KernelConformance


class TestBoard(HardwareConformance):
    component = "kernels:kestrel-km4"


class TestNearest(KernelConformance):
    component = "kernels:kestrel-nearest"


class TestClamp(KernelConformance):
    component = "kernels:kestrel-clamp"

    def test_offers_what_it_can(self):
        """The kit's random networks hold no Clamp that keeps its scale, so this is one."""
        b, q = GraphBuilder("g"), Quantization.per_tensor(0.05)
        x = b.input("x", (1, 4, 4, 3), DType.INT8, q)
        graph = b.build([b.node(Clamp(activation=(0.0, 1.0)), [x], quantization=q)])
        subject = self.subject()
        part = subject.platform.target("kestrel-km4")
        (schedule,) = subject.make(Kernel).candidates(graph.nodes[0], graph, part)
        assert schedule.kernel == subject.component.name
        assert schedule.in_place == (0,)
        assert 0 < schedule.cycles < 10 * 48
