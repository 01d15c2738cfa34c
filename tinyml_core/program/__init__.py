"""Programs: a graph with a kernel chosen for every node and a place in memory for every buffer.

Search, cost models, code generators, runners and reports all use this one plan.
"""

from tinyml_core.program.program import Buffer, Program, Step
from tinyml_core.program.schedule import Schedule

__all__ = ["Buffer", "Program", "Schedule", "Step"]
