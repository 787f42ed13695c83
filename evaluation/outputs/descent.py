"""Descents in records: each optimiser's energies and forces, and those along the conservative head."""

from __future__ import annotations

from typing import cast

from pydantic import JsonValue

from evaluation.record import Record


def descents(record: Record) -> dict[str, dict[str, JsonValue]]:
    """Each optimiser's descent in an ok record: error, converged, energies, forces, cell and positions."""
    return cast("dict[str, dict[str, JsonValue]]", record.outputs["descents"])


def conservative(record: Record) -> dict[str, JsonValue] | None:
    """The descent by the conservative head in an ok record of a direct mode; None where there is none."""
    return cast("dict[str, JsonValue] | None", record.outputs["conservative"])


def forces_of(way: dict[str, JsonValue]) -> list[float]:
    """Longest of the forces on atoms and cell (eV/Å) at the start and after each step; what is compared with fmax."""
    return cast("list[float]", way["forces"])


def energies_of(way: dict[str, JsonValue]) -> list[float]:
    """Energies (eV) at the start and after each step."""
    return cast("list[float]", way["energies"])
