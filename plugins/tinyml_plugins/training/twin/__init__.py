"""The torch twin: training steps of the platform on many samples at once, with the arithmetic of the device."""
