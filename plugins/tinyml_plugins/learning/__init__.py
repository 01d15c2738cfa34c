"""Learning on the device: update rules, and choices of what learns."""
