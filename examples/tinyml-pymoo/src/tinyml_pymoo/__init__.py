"""pymoo's evolutionary algorithms as search strategies of tinyml-core."""
