"""Equations of state: E(V) of every element, the model's points and fit over the all-electron curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from evaluation.outputs.eos import curve, model_curve, reference_curve
from evaluation.record import Record
from leaderboard.charts.spec import DASHED_REFERENCE, Datasets, Spec, finish, line, tooltips, x_axis, y_axis
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel, by_element

_POINTS_OF_LINE = 25


class EosView:
    """The view; energies of each curve are relative to its own minimum."""

    columns = (
        Column("delta", "Δ", "meV/atom", 2),
        Column("v0_pred", "V0", "Å³/atom", 2),
        Column("v0_ref", "V0, reference", "Å³/atom", 2),
        Column("v0_error", "V0 error", "%", 2),
        Column("b0_pred_gpa", "B0", "GPa", 1),
        Column("b0_ref_gpa", "B0, reference", "GPa", 1),
        Column("b0_error", "B0 error", "%", 1),
        Column("b0_prime_pred", "B0′", "", 2),
        Column("b0_prime_ref", "B0′, reference", "", 2),
        Column("fit_residual", "residual of the fit", "meV/atom", 3),
    )
    caption = (
        "Energy above the minimum (meV/atom) against volume (Å³/atom). Points: the model. Solid line: the equation of "
        "state fitted to them. Dashed line: all-electron PBE. Scales differ between elements."
    )

    def spec(self) -> Spec:
        """Three layers over the datasets `reference`, `model` and `points` (columns v, e)."""
        import altair as alt

        x, y = x_axis("v:Q", zero=False, nice=False), y_axis("e:Q")
        told = tooltips(v=("V (Å³/atom)", "Q"), e=("E (meV/atom)", "Q"))
        points = alt.Chart(alt.NamedData("points")).mark_circle(size=26, opacity=1).encode(x, y, tooltip=told)
        reference = line("reference", DASHED_REFERENCE).encode(x, y)
        return finish(alt.layer(reference, line("model").encode(x, y), points))

    def panels(self, records: Sequence[Record], rows: Sequence[Mapping[str, object]]) -> list[Panel]:
        """One panel per element, by atomic number."""
        return by_element(records, rows, _panel)


def _panel(record: Record, row: Mapping[str, object]) -> Panel:
    delta = cast("float | None", row["delta"])
    reason = None if delta is not None else str(row["error"] or "no equation of state")
    return Panel(
        title=record.sample,
        mark="magnetic" if row["magnetic"] else None,
        note=f"Δ {figure(delta, 1)}",
        reason=reason,
        alt=f"E(V) of {record.sample}: {reason or f'Δ {figure(delta, 1)} meV/atom'}",
        datasets=_datasets(record) if record.status == "ok" else None,
    )


def _datasets(record: Record) -> Datasets:
    volumes, energies = (np.asarray(numbers) for numbers in curve(record))
    fitted, reference = model_curve(record), reference_curve(record.sample)
    minimum = fitted.energy if fitted else energies.min()
    line = np.linspace(volumes.min(), volumes.max(), _POINTS_OF_LINE)
    return {
        "points": _rows(volumes, energies - minimum),
        "model": _rows(line, fitted.energies(line) - fitted.energy) if fitted else [],
        "reference": _rows(line, reference.energies(line)),
    }


def _rows(volumes: np.ndarray, energies: np.ndarray) -> list[dict[str, float]]:
    """Rounded to what a picture can show, so that pages stay small and the last digits of a platform stay out."""
    pairs = zip(volumes.tolist(), (energies * 1000).tolist(), strict=True)
    return [{"v": round(v, 4), "e": round(e, 3)} for v, e in pairs]


VIEW = EosView()
