"""Timing tables of processor cores at zero wait states: estimates, with a low and a high bound."""
