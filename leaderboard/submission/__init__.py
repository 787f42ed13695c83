"""Submission: the report to a model's author, and taking results among the published ones."""
