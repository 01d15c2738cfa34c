"""Datasets: sources of labelled samples."""
