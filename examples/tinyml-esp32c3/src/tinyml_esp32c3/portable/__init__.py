"""Code generator ``portable-c``: int8 networks as calls of plain C kernels, for cores without vector instructions."""
