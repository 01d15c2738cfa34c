"""The graph: one immutable, typed intermediate representation for search, planning, arithmetic, code and training."""

from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operator import Operator, TensorType
from tinyml_core.graph.tensor import DType, Quantization, Tensor

__all__ = ["DType", "Graph", "GraphBuilder", "Node", "Operator", "Quantization", "Rounding", "Tensor", "TensorType"]
