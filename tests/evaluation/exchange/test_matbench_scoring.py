"""Discovery scores: those of Matbench Discovery to the last digit, and what a missing prediction costs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from evaluation.cli import app
from evaluation.errors import DatasetUnavailable, PredictionsError
from evaluation.exchange.matbench_scoring import score_discovery
from evaluation.metrics.discovery import above_hull, discovery, most_stable
from evaluation.reference.wbm_labels import E_FORM, E_HULL, read_labels, read_predictions

pytestmark = pytest.mark.filterwarnings("ignore")  # matbench_discovery and what it draws with warn as they please
slow = pytest.mark.slow  # importing it takes 8 s, and a minute where nobody has before

N = 4000


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    hull = rng.normal(0.12, 0.15, N)
    form = rng.normal(-1.0, 0.8, N)
    return pd.DataFrame(
        {
            "material_id": [f"wbm-1-{i}" for i in range(N)],
            "formula": ["Na1 Cl1" if i % 2 else "Mg1 O1" for i in range(N)],
            E_FORM: form,
            E_HULL: hull,
            "unique_prototype": rng.uniform(size=N) < 0.8,
            "e_form_pred": form + rng.normal(0, 0.05, N),
        }
    )


@pytest.fixture
def files(table: pd.DataFrame, tmp_path: Path) -> tuple[Path, Path]:
    """Labels, and predictions in another order, three of them missing and two diverged."""
    labels, predictions = tmp_path / "labels.csv.gz", tmp_path / "pred.csv"
    table.drop(columns="e_form_pred").to_csv(labels, index=False)
    made = table[["material_id", "e_form_pred"]].copy()
    made.loc[[5, 6], "e_form_pred"] = [40.0, -4e17]
    made.drop(index=[0, 1]).assign(e_form_pred=lambda t: t.e_form_pred.where(t.material_id != "wbm-1-2")).sample(
        frac=1, random_state=1
    ).to_csv(predictions, index=False)
    return labels, predictions


@slow
def test_it_is_stable_metrics_to_the_last_digit(table: pd.DataFrame) -> None:
    from matbench_discovery.metrics import stable_metrics

    hull, form, pred = (table[name].to_numpy() for name in (E_HULL, E_FORM, "e_form_pred"))
    direct = stable_metrics(table[E_HULL], table[E_HULL] + (table["e_form_pred"] - table[E_FORM]))
    found = discovery(hull, form, pred)
    assert found.scores == {name: float(value) for name, value in direct.items()}
    assert (found.n, found.missing, found.diverged) == (N, 0, 0)
    assert found.prevalence == (hull <= 0).mean()


@slow
def test_missing_and_diverged_are_unstable_and_counted(files: tuple[Path, Path], table: pd.DataFrame) -> None:
    labels, predictions = files
    found = score_discovery(predictions, labels=labels)
    assert list(found) == ["full", "unique_prototypes", "most_stable_10k"]
    full = found["full"]
    assert (full.n, full.missing, full.diverged) == (N, 5, 2)
    lost = table.iloc[[0, 1, 2, 5, 6]]
    kept = table.drop(index=lost.index)
    found_stable = ((kept[E_HULL] <= 0) & (kept[E_HULL] + kept["e_form_pred"] - kept[E_FORM] <= 0)).sum()
    assert full.scores["TP"] == found_stable
    assert (full.scores["TP"] or 0) + (full.scores["FN"] or 0) == (table[E_HULL] <= 0).sum()
    assert full.scores["MAE"] == pytest.approx((kept["e_form_pred"] - kept[E_FORM]).abs().mean())


@slow
def test_the_most_stable_are_measured_against_all_unique_prototypes(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluation.exchange.matbench_scoring.MOST_STABLE", 300)
    found = score_discovery(files[1], labels=files[0])
    top, unique = found["most_stable_10k"], found["unique_prototypes"]
    assert top.n == 300
    assert top.prevalence == unique.prevalence
    assert top.scores["Precision"] is not None
    assert top.scores["DAF"] == top.scores["Precision"] / unique.prevalence


def test_the_most_stable_never_are_those_without_a_prediction() -> None:
    assert most_stable(np.array([0.3, np.nan, -0.2, 0.1]), 2).tolist() == [2, 3]
    assert np.isnan(above_hull(np.zeros(3), np.zeros(3), np.array([np.nan, 5.1, -6.0]))).all()


@slow
def test_what_divides_by_zero_is_none() -> None:
    found = discovery(np.array([-0.1, 0.1, 0.2]), np.zeros(3), np.array([1.0, 1.0, 1.0]))
    assert found.scores["Precision"] is None
    assert found.scores["Recall"] == 0.0
    with pytest.raises(ValueError, match="finite"):
        discovery(np.array([np.nan]), np.zeros(1), np.zeros(1))


def test_files_that_cannot_be_used_say_what_they_have(files: tuple[Path, Path], tmp_path: Path) -> None:
    known = read_labels(files[0])
    cases = {
        "a,b\n1,2\n": "no column material_id or id; it has a, b",
        "id,x\nwbm-1-1,2\n": "neither 'e_form…' nor 'energy' among id, x",
        "id,e_form_a,e_form_b\nwbm-1-1,2,3\n": "e_form_a, e_form_b; choose with --column",
        "id,e_form\nwbm-1-1,2\nwbm-1-1,3\n": "wbm-1-1 stands in it twice",
        "id,e_form\nmp-1,2\n": "none of its 1 crystals is among the 4000 references",
    }
    for n, (text, told) in enumerate(cases.items()):
        path = tmp_path / f"{n}.csv"
        path.write_text(text)
        with pytest.raises(PredictionsError, match=told):
            read_predictions(path, known)


def test_without_wbm_the_error_says_what_is_missing(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path))
    monkeypatch.setenv("MLIP_ZOO_OFFLINE", "1")
    with pytest.raises(DatasetUnavailable, match="'summary' could not be fetched"):
        score_discovery(files[1])
    done = CliRunner().invoke(app, ["score", "discovery", "--predictions", str(files[1])])
    assert "'--labels FILE'" in str(done.exception)


@slow
def test_the_command_prints_and_says_json(files: tuple[Path, Path]) -> None:
    arguments = ["score", "discovery", "--predictions", str(files[1]), "--labels", str(files[0])]
    printed = CliRunner().invoke(app, arguments)
    assert printed.exit_code == 0, printed.output
    assert "unique_prototypes" in printed.stdout
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert (found["full"]["missing"], found["full"]["diverged"]) == (5, 2)
    assert "note" not in found


@pytest.mark.data
@slow
def test_archived_predictions_score_as_stable_metrics_says() -> None:
    """On the labels read off plots: the check that they are there for; without the data there is nothing to check."""
    from evaluation.reference import dataset

    try:
        predictions = dataset.fetch("wbm-predictions", "predictions")
        labels = read_labels(biased_sample=True)
    except DatasetUnavailable:
        pytest.skip("dataset wbm-predictions is not on this machine")
    from matbench_discovery.metrics import stable_metrics

    hull = pd.Series(labels.e_above_hull, index=labels.ids)
    form = pd.Series(labels.e_form, index=labels.ids)
    for model in ("chgnet-0.3.0", "grace-2l-mptrj"):
        archived = pd.read_parquet(predictions)[model].reindex(hull.index).astype(float)
        pred = hull + (archived - form).where(lambda error: error.abs() <= 5)
        direct = {name: float(value) for name, value in stable_metrics(hull, pred).items()}
        found = discovery(labels.e_above_hull, labels.e_form, np.array(archived, dtype=np.float64))
        assert found.scores == direct
        assert found.missing == int(pred.isna().sum())
