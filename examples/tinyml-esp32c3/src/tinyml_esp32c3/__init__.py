"""ESP32-C3, a RISC-V microcontroller, for tinyml-core."""
