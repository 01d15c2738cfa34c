"""What components are tried on: small networks, a small search space, a small dataset, a workbench for generated C."""
