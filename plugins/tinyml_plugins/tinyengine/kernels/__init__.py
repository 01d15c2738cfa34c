"""The kernels, one small module for each family of operators."""
