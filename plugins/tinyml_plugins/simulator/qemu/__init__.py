"""QEMU: a second emulator, whose counts check Unicorn's."""
