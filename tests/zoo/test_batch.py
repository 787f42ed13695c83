"""A batch's failures keep their text, and its time is shared by atoms."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.batch import Batch, StructureFailure


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (StructureFailure("unsupported", "toy was not made for Al"), "unsupported: toy was not made for Al"),
        (StructureFailure("failed", "there are no atoms"), "there are no atoms"),
    ],
)
def test_a_failure_is_its_text_and_back(failure: StructureFailure, text: str) -> None:
    assert str(failure) == text
    assert StructureFailure.from_text(text) == failure


def test_seconds_are_shared_by_atoms_and_calls() -> None:
    forces = [np.zeros((n, 3)) for n in (1, 3, 2)]
    batch = Batch(np.zeros(3), forces, None, [None] * 3, seconds=12.0, calls=np.array([1, 1, 4]))
    assert batch.share_seconds().tolist() == [1.0, 3.0, 8.0]
    assert Batch(np.zeros(0), [], None, [], seconds=1.0).share_seconds().tolist() == []
