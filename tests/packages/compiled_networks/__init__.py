"""Graphs planned, generated, compiled for the host or an emulated core and run there: what several tests share."""
