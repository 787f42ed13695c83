"""Limits: which tasks' canaries a submission runs, and how long each may take."""

from __future__ import annotations

CHEAP = ("eos", "relaxation", "constraints", "elasticity")
"""Tasks whose canary takes less than a minute on one core and no download."""
SECONDS = 120.0
"""Limit of a task."""
