"""Equations of state by the first definition: a fit was good with any B0', and means stood for an entry."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import pytest

from evaluation import equation_of_state
from evaluation import task as tasks
from evaluation.harness.store import read_records
from evaluation.task import Row

RESULTS = Path(__file__).parents[2] / "leaderboard" / "results"


@cache
def rows(entry: str) -> dict[str, Row]:
    """By element, of the published records."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(equation_of_state, "PHYSICAL_DERIVATIVES", (-math.inf, math.inf))
        found = tasks.load("eos").table(read_records(RESULTS / "eos" / f"{entry}.parquet"))
    return {str(row["sample"]): row for row in found}


def column(entry: str, name: str) -> dict[str, float]:
    """A figure of the elements that have one."""
    return {symbol: value for symbol, row in rows(entry).items() if isinstance(value := row[name], float)}
