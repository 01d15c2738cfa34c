"""Cross compilers, an emulated Cortex-M and the timing tables of its cores."""
