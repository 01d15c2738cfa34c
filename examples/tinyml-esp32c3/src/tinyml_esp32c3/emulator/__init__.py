"""The emulated core: Unicorn's RISC-V, with instructions counted and the stack measured."""
