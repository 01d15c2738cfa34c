"""A Cortex-M board, and kernels that its maker adds to the bundled code generator."""
