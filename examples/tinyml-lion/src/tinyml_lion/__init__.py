"""Lion with one byte of state per number, a training optimizer of tinyml-core."""
