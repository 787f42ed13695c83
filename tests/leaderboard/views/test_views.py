"""Pictures of forces and diatomics, from records alone."""

from __future__ import annotations

import json

import numpy as np

from evaluation.record import Record
from evaluation.tasks import diatomics, forces
from leaderboard import views


def _frame(sample: str, *, shift: float, status: str = "ok") -> Record:
    ref = np.random.default_rng(int(sample[-6:-2])).normal(size=(50, 3))
    outputs = {
        "composition": {"Na": 25, "Cl": 25},
        "energies_are": "dft",
        "mp2020_correction": None,
        "energy_pred": -150.0,
        "energy_ref": -151.0,
        "forces_pred": (ref + shift).tolist(),
        "forces_ref": ref.tolist(),
        "stress_pred": None,
        "stress_ref": [0.0] * 6,
    }
    if status == "ok":
        return Record(sample=sample, status="ok", outputs=outputs)
    return Record(sample=sample, status="failed", error="it broke")


def test_forces_have_one_panel_per_set_and_no_wild_points() -> None:
    records = [_frame(f"mptrj-random/{i:04d}-X", shift=0.1) for i in range(1000, 1005)]
    records += [_frame("mlearn/2000-X", shift=50.0), _frame("mpf-tp/3000-X", shift=0.0, status="failed")]
    rows = forces.TASK.table(records)
    view = views.view("forces")
    assert view is not None
    panels = {panel.title: panel for panel in view.panels(records, rows)}
    assert list(panels) == ["MPtrj-random", "MPF-TP", "mlearn"]
    drawn = panels["MPtrj-random"].datasets
    assert drawn is not None
    assert len(drawn["points"]) == 400
    assert all(abs(float(point["pred"]) - float(point["ref"]) - 0.1) < 2e-3 for point in drawn["points"])
    assert panels["MPtrj-random"].note == "median 100, mean 100 meV/Å, 5 of 5 frames"
    assert panels["MPF-TP"].datasets is None
    assert panels["MPF-TP"].reason == "no frame has an answer"
    assert panels["mlearn"].datasets is not None
    assert panels["mlearn"].datasets["points"] == []
    assert all(set(row) >= {column.name for column in view.columns} for row in rows)
    assert {data["name"] for layer in view.spec()["layer"] for data in [layer["data"]]} == {"points", "equal"}  # type: ignore[attr-defined]
    json.dumps([panel.datasets for panel in panels.values()], allow_nan=False)


def test_diatomics_show_the_well_and_not_the_wall() -> None:
    r = np.arange(1.0, 6.0, 0.01)
    e = 2 * (1 - np.exp(-1.8 * (r - 2.2))) ** 2 - 7
    outputs = {"distances": r.tolist(), "energies": e.tolist(), "forces": (-np.gradient(e, r)).tolist()}
    cu = Record(
        sample="Cu",
        status="ok",
        outputs={**outputs, "distances_ref": [1.0, 2.2, 6.0], "energies_ref": [30.0, -2.0, 0.0]},
    )
    he = Record(sample="He", status="ok", outputs={**outputs, "distances_ref": None, "energies_ref": None})
    gone = Record(sample="Au", status="unsupported", error="unsupported: not Au")
    rows = diatomics.TASK.table([cu, he, gone])
    view = views.view("diatomics")
    assert view is not None
    panels = view.panels([cu, he, gone], rows)
    assert [panel.title for panel in panels] == ["He", "Cu", "Au"]
    assert panels[2].datasets is None
    assert panels[2].reason == "unsupported: not Au"
    assert panels[1].datasets is not None
    line = panels[1].datasets["model"]
    assert max(float(point["e"]) for point in line) <= 5.0
    assert min(float(point["e"]) for point in line) < -1.9
    assert panels[1].datasets["points"] == [{"r": 2.2, "e": -2.0}, {"r": 6.0, "e": 0.0}]
    assert panels[1].note == "tortuosity 1.00"
    assert all(set(row) >= {column.name for column in view.columns} for row in rows)
