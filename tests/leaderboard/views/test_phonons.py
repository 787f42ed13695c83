"""The pictures of the phonons task: bands along lines of the mesh, and the density of states."""

from __future__ import annotations

import json

import numpy as np
import pytest

from evaluation.outputs.phonons import spectrum
from evaluation.outputs.quantized_array import pack
from evaluation.record import Record
from evaluation.reference import phonondb
from evaluation.tasks.phonons import FACE_CENTRED, TASK
from leaderboard.views.phonons import VIEW, path
from tests.evaluation.solids import solid
from tests.evaluation.springs import Springs


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return TASK.run(TASK.samples("canary")[2:], Springs(refused=["Cu"]))


def test_lines_of_a_cubic_mesh() -> None:
    cell = np.array(FACE_CENTRED) * 4.2
    t = np.arange(1, 4) / 7
    zero = np.zeros(3)
    to_l = np.stack([t, zero, zero], axis=1)
    to_x = np.stack([zero, t, t], axis=1)
    found = path(np.vstack([np.zeros((1, 3)), to_x, to_l, [[0.1, 0.2, 0.4]]]), cell)
    assert [row for _, row in found] == [6, 5, 4, 0, 1, 2, 3]
    assert [x for x, _ in found] == pytest.approx([-6 / 7, -4 / 7, -2 / 7, 0, 2 / 7, 4 / 7, 6 / 7])


def test_lines_of_a_hexagonal_mesh() -> None:
    cell = np.array([[3.2, 0, 0], [-1.6, 1.6 * np.sqrt(3), 0], [0, 0, 5.2]])
    found = path(np.array([[0, 0, 0], [0, 0, 0.4], [0, 0.2, 0], [0.2, 0.2, 0], [0.4, 0, 0], [0.4, 0, 0.2]]), cell)
    assert found == [(pytest.approx(-0.8), 4), (pytest.approx(-0.4), 2), (0.0, 0), (pytest.approx(0.8), 1)]


def test_a_panel_for_every_crystal(records: list[Record]) -> None:
    panels = VIEW.panels(records, TASK.table(records))
    assert [panel.title for panel in panels] == ["Cu", "NaCl"]
    copper, salt = panels
    assert copper.datasets is None
    assert copper.reason == "unsupported: not this"
    assert salt.note == "no reference"
    assert salt.datasets is not None
    assert salt.datasets["reference"] == []
    bands = {row["b"] for row in salt.datasets["model"]}
    assert bands == {-1, 0, 1, 2, 3, 4, 5}
    assert len(json.dumps(salt.datasets)) < 8_000
    assert max(row["x"] for row in salt.datasets["model"]) == pytest.approx(1.7)


def test_the_reference_lies_under_the_model(records: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    salt = solid("ref", structure="rocksalt", crystal=TASK._crystal("NaCl"))
    monkeypatch.setattr(phonondb, "solids", lambda: {"ref": salt})
    monkeypatch.setattr(phonondb, "spectra", lambda: {"ref": spectrum(records[0])})
    same = [records[0].model_copy(update={"sample": "ref"})]
    (panel,) = VIEW.panels(same, TASK.table(same))
    assert panel.note == "ω MAE 0.00 THz"
    assert panel.datasets is not None
    assert panel.datasets["reference"] == panel.datasets["model"]


def test_the_columns_are_the_table(records: list[Record]) -> None:
    for row in TASK.table(records):
        assert {column.name for column in VIEW.columns} <= set(row)


def test_the_specification_names_its_datasets() -> None:
    text = json.dumps(VIEW.spec())
    assert all(f'"name": "{name}"' in text for name in ("model", "reference", "gamma"))


@pytest.mark.parametrize("frequency", [0.0, -4.0])
def test_a_crystal_without_any_frequency_is_drawn(records: list[Record], frequency: float) -> None:
    (salt,) = (record for record in records if record.sample == "NaCl")
    none = pack(np.full_like(spectrum(salt).frequencies, frequency), quantum=1e-6)
    (panel,) = VIEW.panels(
        [salt.model_copy(update={"outputs": {**salt.outputs, "frequencies": none}})], TASK.table([salt])
    )
    assert panel.datasets is not None
    json.dumps(panel.datasets, allow_nan=False)
    assert any(row["b"] == -1 and float(row["x"]) > 1.2 for row in panel.datasets["model"])
