"""Phonons of every crystal: the model's bands and density of states over those of PBE."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, cast

import numpy as np

from evaluation.metrics.phonon import dos
from evaluation.outputs.phonons import primitive_cell, reference, spectrum
from evaluation.record import Record
from leaderboard.charts.spec import REFERENCE, SOLID, Datasets, Spec, Style, finish, line, rule, y_axis
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel

if TYPE_CHECKING:
    from evaluation.reference.phonondb import Spectrum

_DOS_POINTS = 48
_DOS_LEFT, _DOS_WIDTH = 1.1, 0.6
"""Where the density of states stands beside the bands, whose two directions span -1 to 1."""
_LEAST_RANGE = 0.1
"""THz: what is drawn above zero where no mode has a frequency."""
_BROADENING = 1 / 60
"""Of the density of states, in highest frequencies."""
_BAND: Style = {**SOLID, "strokeWidth": 1.2}
_REFERENCE_BAND: Style = {**REFERENCE, "strokeWidth": 1.2, "strokeDash": [3, 2]}
_DOS = -1
"""What the density of states is called among the bands."""


class PhononsView:
    """The view; only q points of the mesh itself are drawn, so that the reference's lines are its own data."""

    columns = (
        Column("frequency_mae", "ω MAE", "THz", 3),
        Column("frequency_bias", "ω bias", "THz", 3),
        Column("frequency_mae_second", "ω MAE at 0.01 Å", "THz", 3),
        Column("frequency_change", "ω change", "THz", 3),
        Column("displacement_dependent", "displacement-dependent", "", 0),
        Column("omega_max_pred", "ω max", "THz", 2),
        Column("omega_max_ref", "ω max, PBE", "THz", 2),
        Column("omega_min_pred", "ω min", "THz", 2),
        Column("dos_w1", "DOS distance", "THz", 3),
        Column("heat_capacity_error", "C_V error", "J/K/mol", 2),
        Column("entropy_error", "S error", "J/K/mol", 2),
        Column("free_energy_error_kj", "F error", "kJ/mol", 3),
        Column("fc_asymmetry", "force-constant asymmetry", "", 4),
        Column("fc_asymmetry_reduced", "…, reduced set", "", 4),
        Column("asr_violation", "acoustic sum rule", "eV/Å²", 4),
        Column("asr_violation_reduced", "…, reduced set", "eV/Å²", 4),
        Column("space_group_residual", "Φ outside the group", "", 4),
        Column("space_group_residual_reduced", "…, reduced set", "", 4),
        Column("degeneracy_splitting", "splitting", "THz", 4),
        Column("degeneracy_splitting_reduced", "…, reduced set", "THz", 4),
        Column("n_displacements", "displacements", "", 0),
    )
    caption = (
        "Frequencies (THz; negative: imaginary modes) along two directions from Γ, the vertical line: to the left "
        "towards L (cubic) or M (wurtzite), to the right towards X (cubic) or A (wurtzite); at the far right the "
        "density of states. Solid: the model, from the symmetry-reduced set. Dashed: PBE on the same q points."
    )

    def spec(self) -> Spec:
        """Lines over the datasets `reference` and `model` (columns x, y, b: a line each) and a rule at Γ."""
        import altair as alt

        x = alt.X("x:Q").axis(None).scale(domain=[-1, _DOS_LEFT + _DOS_WIDTH])
        y = y_axis("y:Q", ticks=4)
        lines = (
            line(name, style).encode(x=x, y=y, detail="b:N", order="o:Q")
            for name, style in (("model", _BAND), ("reference", _REFERENCE_BAND))
        )
        return finish(alt.layer(rule("gamma").encode(x=x), *lines), 150)

    def panels(self, records: Sequence[Record], rows: Sequence[Mapping[str, object]]) -> list[Panel]:
        """One panel per crystal, those with a reference first, by name."""
        by_sample = {record.sample: record for record in records}
        ordered = sorted(rows, key=lambda row: (row["omega_max_ref"] is None, str(row["sample"])))
        return [_panel(by_sample[str(row["sample"])], row) for row in ordered]


def _panel(record: Record, row: Mapping[str, object]) -> Panel:
    mae = cast("float | None", row["frequency_mae"])
    reason = None if record.status == "ok" else str(row["error"] or "no phonons")
    says = "no reference" if row["omega_max_ref"] is None else f"ω MAE {figure(mae, 2)} THz"
    return Panel(
        title=record.sample,
        mark="displacement-dependent" if row["displacement_dependent"] else None,
        note=says if row["stable_pred"] is not False else f"{says}, imaginary",
        reason=reason,
        alt=f"Phonons of {record.sample}: {reason or says}",
        datasets=_datasets(record) if record.status == "ok" else None,
    )


def _datasets(record: Record) -> Datasets:
    pred, ref = spectrum(record), reference(record.sample)
    cell = primitive_cell(record)
    top = max(_LEAST_RANGE, *(of.frequencies.max() for of in (pred, ref) if of is not None))
    peak = max(_density(of, top)[1].max() for of in (pred, ref) if of is not None)
    return {
        "model": list(_lines(pred, cell, top, peak)),
        "reference": [] if ref is None else list(_lines(ref, cell, top, peak)),
        "gamma": [{"x": 0.0}],
    }


def _density(of: Spectrum, top: float) -> tuple[np.ndarray, np.ndarray]:
    lowest = min(of.frequencies.min(), 0.0)
    grid = np.linspace(lowest, top * 1.05, _DOS_POINTS)
    return grid, dos(of.frequencies, of.weights, grid, width=max(top, -lowest) * _BROADENING)


def _lines(of: Spectrum, cell: np.ndarray, top: float, peak: float) -> Iterator[dict[str, float]]:
    """Rows of all bands and of the density of states, rounded to what a picture can show."""
    for order, (x, row) in enumerate(path(of.qpoints, cell)):
        for band, frequency in enumerate(of.frequencies[row].tolist()):
            yield {"x": round(x, 3), "y": round(frequency, 3), "b": band, "o": order}
    grid, density = _density(of, top)
    right = _DOS_LEFT + density / peak * _DOS_WIDTH
    for order, (x, y) in enumerate(zip(right.tolist(), grid.tolist(), strict=True)):
        yield {"x": round(x, 3), "y": round(y, 3), "b": _DOS, "o": order}


def path(qpoints: np.ndarray, cell: np.ndarray) -> list[tuple[float, int]]:
    """Mesh points on two symmetry lines through Γ, as (place in -1 … 1, row), ascending.

    `qpoints` (n, 3) are fractional in the primitive `cell` (rows), one of each star. Cubic cells: [111] to the left, to
    L, and [100] to the right, to X; hexagonal ones: along the first reciprocal vector to the left, to M, and [001] to
    the right, to A.
    """
    reciprocal = np.linalg.inv(cell).T
    hexagonal = abs(cell[2] @ cell[0]) < 1e-3 * np.linalg.norm(cell[0]) ** 2
    shifts = np.array(list(product((-1, 0, 1), repeat=3)))
    found = []
    for row, q in enumerate(qpoints):
        images = (q + shifts) @ reciprocal
        shortest = images[np.linalg.norm(images, axis=1).argmin()]
        place = _hexagonal(shortest, reciprocal) if hexagonal else _cubic(shortest, reciprocal)
        if place is not None:
            found.append((place, row))
    return sorted(found)


def _cubic(q: np.ndarray, reciprocal: np.ndarray) -> float | None:
    small, middle, large = np.sort(np.abs(q))
    half = np.abs(reciprocal).max()  # a component of a reciprocal vector of fcc: 1/a, X is there
    if middle < 1e-3 * half:
        return float(large / half)
    return float(-2 * large / half) if large - small < 1e-3 * half else None


def _hexagonal(q: np.ndarray, reciprocal: np.ndarray) -> float | None:
    plane, up = np.linalg.norm(q[:2]), abs(q[2])
    first, third = np.linalg.norm(reciprocal[0]), np.linalg.norm(reciprocal[2])
    if plane < 1e-3 * first:
        return float(2 * up / third)
    angle = np.degrees(np.arctan2(*q[1::-1]) - np.arctan2(*reciprocal[0, 1::-1])) % 60
    on_line = up < 1e-3 * third and min(angle, 60 - angle) < 0.1
    return float(-2 * plane / first) if on_line else None


VIEW = PhononsView()
