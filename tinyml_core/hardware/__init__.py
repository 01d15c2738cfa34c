"""Hardware profiles: what the platform knows about a microcontroller, and where each figure comes from."""

from tinyml_core.hardware.profile import BoardFactor, HardwareProfile, MemoryRegion, Tools

__all__ = ["BoardFactor", "HardwareProfile", "MemoryRegion", "Tools"]
