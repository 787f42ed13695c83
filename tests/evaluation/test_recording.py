"""Failures and answers become records in one place, with what they cost."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from evaluation.recording import SampleCost, failed, succeeded
from zoo.batch import StructureFailure


def test_costs_add_up() -> None:
    relaxing = SampleCost.of_cell(2, force_calls=10, seconds=1.5)
    assert relaxing + SampleCost(3, 192, 0.5) == SampleCost(force_calls=13, atom_calls=212, seconds=2.0)


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (StructureFailure("unsupported", "not Au"), "unsupported: not Au"),
        (StructureFailure("failed", "it broke"), "it broke"),
    ],
)
def test_a_failure_keeps_its_kind_and_its_text(failure: StructureFailure, text: str) -> None:
    record = failed("Au", failure, SampleCost(1, 4, 0.25))
    assert (record.sample, record.status, record.error, record.outputs) == ("Au", failure.kind, text, {})
    assert (record.force_calls, record.atom_calls, record.seconds) == (1, 4, 0.25)


def test_an_answer_has_no_error() -> None:
    record = succeeded("Cu", {"energy": -3.5}, SampleCost(1, 1, 0.0))
    assert (record.status, record.error, record.outputs) == ("ok", None, {"energy": -3.5})


def test_an_answer_that_is_no_number_is_the_samples_failure() -> None:
    """JSON has no such numbers: the whole run ended there."""
    outputs: dict[str, JsonValue] = {"energy": -3.5, "relaxation": {"steps": 3, "max_forces": [0.1, float("nan")]}}
    record = succeeded("Cu", outputs, SampleCost(1, 1, 0.5))
    assert (record.status, record.outputs, record.seconds) == ("failed", {}, 0.5)
    assert record.error == "the model led to no number: relaxation.max_forces.1"
