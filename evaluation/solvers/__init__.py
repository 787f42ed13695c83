"""Solvers: programs over packages that the host must not have; one script each, run by path in its own environment."""
