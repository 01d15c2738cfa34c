"""A frozen distribution brings tests of its own; they run where it is installed."""

collect_ignore = ["frozen"]
