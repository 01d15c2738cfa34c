"""The super-network: all networks of a search space in one set of weights, which are trained once."""
