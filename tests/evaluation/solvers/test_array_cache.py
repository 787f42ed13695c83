"""What was computed is found again by exactly what it was computed from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evaluation.solvers.array_cache import Kept


def test_it_is_found_by_every_bit_of_what_it_was_made_from(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "work")
    given = {"cell": np.eye(3), "name": np.array("Si")}
    assert kept.find("forces", given) is None
    kept.keep("forces", given, {"forces": np.arange(6.0).reshape(2, 3)})
    found = Kept(tmp_path / "work").find("forces", {"name": np.array("Si"), "cell": np.eye(3)})
    assert found is not None
    assert np.array_equal(found["forces"], np.arange(6.0).reshape(2, 3))
    for other in (
        {**given, "cell": np.eye(3) * (1 + 1e-15)},
        {**given, "cell": np.eye(3, dtype=np.float32)},
        {**given, "cell": np.eye(3).ravel()},
        {**given, "name": np.array("C")},
        {"cell": given["cell"]},
    ):
        assert kept.find("forces", other) is None
    assert kept.find("energies", given) is None


def test_nothing_but_whole_files_is_left(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.keep("forces", {}, {"a": np.ones(2)})
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]
