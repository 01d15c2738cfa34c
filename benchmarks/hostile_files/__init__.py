"""Hostile files for ``benchmarks/hostile.py``: one module per format, each a :class:`~.family.Family`."""
