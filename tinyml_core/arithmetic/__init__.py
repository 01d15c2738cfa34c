"""Arithmetic: what every operator computes, to the bit, and the reference executor that computes it.

:mod:`~tinyml_core.arithmetic.lowering` turns a node into the integers that a kernel needs; the executor and every code
generator use the same ones. docs/arithmetic.md tells the semantics in prose.
"""
