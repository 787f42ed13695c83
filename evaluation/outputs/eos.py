"""Equations of state in records: the model's energies, and the reference that they are compared with."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, cast

from evaluation.equation_of_state import BirchMurnaghan, NoEquationOfState, fit
from evaluation.record import Record


def curve(record: Record) -> tuple[list[float], list[float]]:
    """The model's volumes (Å³/atom) and energies (eV/atom) of an ok record."""
    outputs = cast(dict[str, list[float]], record.outputs)
    return outputs["volumes_per_atom"], outputs["energies_per_atom"]


def model_curve(record: Record) -> BirchMurnaghan | None:
    """The model's equation of state; None where it has none."""
    if record.status != "ok":
        return None
    try:
        return fit(*curve(record))
    except NoEquationOfState:
        return None


def reference_curve(symbol: str) -> BirchMurnaghan:
    """The all-electron equation of state, its minimum at zero energy."""
    from ase.units import GPa

    figures = reference(symbol)
    return BirchMurnaghan(
        volume=figures["v0"],
        energy=0.0,
        bulk_modulus=figures["b0_gpa"] * GPa,
        bulk_modulus_derivative=figures["b0_prime"],
        residual=0.0,
    )


@cache
def reference(symbol: str) -> dict[str, float]:
    """The all-electron v0 (Å³/atom), b0_gpa and b0_prime of an element."""
    found = dcdft()[symbol]["key_value_pairs"]
    return {"v0": found["wien2k_volume"], "b0_gpa": found["wien2k_B"], "b0_prime": found["wien2k_Bp"]}


@cache
def dcdft() -> dict[str, dict[str, Any]]:
    """ASE's collection of that name by symbol, from its file: importing `ase.collections` takes a second."""
    import ase

    found = json.loads((Path(ase.__file__).parent / "collections" / "dcdft.json").read_text(encoding="utf-8"))
    rows = [found[str(number)] for number in found["ids"]]
    return {row["key_value_pairs"]["name"]: row for row in rows}
