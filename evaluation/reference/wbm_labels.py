"""WBM: reference energies and predictions of its crystals, from whatever file has them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import PredictionsError
from evaluation.reference import dataset

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

E_FORM, E_HULL = "e_form_per_atom_mp2020_corrected", "e_above_hull_mp2020_corrected_ppd_mp"
UNIQUE = "unique_prototype"
_IDS = ("material_id", "id")


@dataclass(frozen=True)
class Labels:
    """Reference figures of n crystals."""

    ids: tuple[str, ...]
    formulas: tuple[str, ...]
    e_form: Array
    """(n,), eV/atom."""
    e_above_hull: Array
    """(n,), eV/atom."""
    unique: NDArray[np.bool_] | None
    """(n,): whether a crystal's prototype is in neither MP nor earlier in WBM; None where the file does not say."""


def read_labels(path: Path | None = None, *, biased_sample: bool = False) -> Labels:
    """WBM's summary table: `path`, or dataset `wbm`; or the labels that were read off published plots.

    Raises DatasetUnavailable, PredictionsError.
    """
    if biased_sample:
        table = _read(dataset.fetch("wbm-predictions", "labels"), suffix=".csv.gz")
    else:
        table = _read(path or dataset.fetch("wbm", "summary"), suffix=".csv.gz" if path is None else None)
    missing = [column for column in (_IDS[0], "formula", E_FORM, E_HULL) if column not in table.columns]
    if missing:
        raise PredictionsError(f"{path or 'labels'}: no column {', '.join(missing)}; it has {', '.join(table.columns)}")
    table = table[table[E_FORM].notna() & table[E_HULL].notna()]  # 10,111 of 41,002 are on one of the two plots alone
    return Labels(
        ids=tuple(table[_IDS[0]].astype(str)),
        formulas=tuple(table["formula"].astype(str)),
        e_form=table[E_FORM].to_numpy(dtype=float),
        e_above_hull=table[E_HULL].to_numpy(dtype=float),
        unique=table[UNIQUE].to_numpy(dtype=bool) if UNIQUE in table.columns else None,
    )


def read_predictions(path: Path, labels: Labels, *, column: str | None = None) -> Array:
    """Predicted formation energies (n,) in eV/atom in the order of `labels`; NaN where the file has none.

    The file is CSV or Parquet with a column `material_id` (or `id`) and one of formation energies in eV/atom whose name
    begins with `e_form`, or `energy`: MP2020-corrected totals in eV, from which those of the elements are taken.
    `column` chooses where there are several. Raises PredictionsError.
    """
    table = _read(path)
    ids = next((name for name in _IDS if name in table.columns), None)
    if ids is None:
        raise PredictionsError(f"{path}: no column {' or '.join(_IDS)}; it has {', '.join(table.columns)}")
    chosen = column or _only_column(path, table)
    if chosen not in table.columns:
        raise PredictionsError(f"{path}: no column {chosen}; it has {', '.join(table.columns)}")
    if table[ids].duplicated().any():
        raise PredictionsError(f"{path}: {table.loc[table[ids].duplicated(), ids].iloc[0]} stands in it twice")
    values = table.set_index(table[ids].astype(str))[chosen].reindex(list(labels.ids)).to_numpy(dtype=float)
    if np.isfinite(values).any():
        return _formation_energies(values, labels) if chosen == "energy" else values
    raise PredictionsError(f"{path}: none of its {len(table)} crystals is among the {len(labels.ids)} references")


def _only_column(path: Path, table: pd.DataFrame) -> str:
    found = [name for name in table.columns if name.startswith("e_form")] or [c for c in table.columns if c == "energy"]
    if len(found) != 1:
        among = ", ".join(found or table.columns)
        has = f"{among}; choose" if found else f"neither 'e_form…' nor 'energy' among {among}; name it"
        raise PredictionsError(f"{path}: {has} with --column")
    return found[0]


def _formation_energies(energies: Array, labels: Labels) -> Array:
    """Totals (n,), eV, less the energies of the elements, per atom."""
    from pymatgen.core import Composition

    raw = json.loads(gzip.decompress(dataset.fetch("wbm-predictions", "elements").read_bytes()))
    element = {symbol: _energy_per_atom(entry) for symbol, entry in raw.items()}
    unknown = sorted({str(e) for formula in labels.formulas for e in Composition(formula).elements} - element.keys())
    if unknown:
        raise PredictionsError(f"no energy of the elements {', '.join(unknown)}; give formation energies instead")
    counts = [Composition(formula).get_el_amt_dict() for formula in labels.formulas]
    atoms = np.array([sum(found.values()) for found in counts])
    apart = np.array([sum(element[symbol] * n for symbol, n in found.items()) for found in counts])
    return np.asarray((energies - apart) / atoms)


def _energy_per_atom(entry: dict[str, object]) -> float:
    from pymatgen.entries.computed_entries import ComputedEntry

    return float(ComputedEntry.from_dict(entry).energy_per_atom)


def _read(path: Path, *, suffix: str | None = None) -> pd.DataFrame:
    import pandas as pd

    name = suffix or path.name
    try:
        if name.endswith(".parquet"):
            table = pd.read_parquet(path)
            return table if any(column in table.columns for column in _IDS) else table.reset_index()
        if name.endswith((".csv", ".csv.gz")):
            return pd.read_csv(path, compression="gzip" if name.endswith(".gz") else None)
    except (OSError, ValueError) as error:
        raise PredictionsError(f"{path} cannot be read: {error}") from error
    raise PredictionsError(f"{path}: neither .csv, .csv.gz nor .parquet")
