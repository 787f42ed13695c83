"""Submission of a model: its canaries on every task, what has to run again, and the report to its author."""
