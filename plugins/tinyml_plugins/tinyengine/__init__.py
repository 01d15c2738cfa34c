"""Plugin ``tinyengine``: the code generator, after TinyEngine (Lin et al., MCUNet, NeurIPS 2020, arXiv 2007.10319).

A *kernel* (:mod:`~tinyml_plugins.tinyengine.kernel`) declares the schedules it offers for a node and writes the C of
one step; :mod:`~tinyml_plugins.tinyengine.table` says which kernels carry out which operator; the generator renders
what the planner chose. Everything a layer needs to know is a constant in its code.
"""
