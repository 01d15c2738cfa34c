"""Training: networks learn on the host, in float and with the integers of the device in view."""
