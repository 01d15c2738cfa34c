"""Optuna's samplers as search strategies of tinyml-core."""
