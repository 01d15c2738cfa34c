"""Quantisers that need no training."""
