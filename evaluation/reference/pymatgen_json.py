"""Crystals from the JSON of pymatgen's ordered structures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase import Atoms


def crystal(structure: Mapping[str, Any]) -> Atoms:
    """The crystal, periodic in three directions; its cell in Å, one element on each site."""
    from ase import Atoms

    sites = structure["sites"]
    return Atoms(
        [site["species"][0]["element"] for site in sites],
        scaled_positions=[site["abc"] for site in sites],
        cell=structure["lattice"]["matrix"],
        pbc=True,
    )
