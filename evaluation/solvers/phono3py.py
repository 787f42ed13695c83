# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = [
#   "phono3py==3.30.0",
#   "phonopy==3.5.1",
#   "spglib==2.8.0",
#   "symfc==1.7.3",
#   "numpy==2.5.4",
#   "scipy==1.18.1",
#   "h5py==3.16.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""Lattice thermal conductivity with phono3py 3.30.0, the last one with Wigner transport (`MS-SMM19`).

    PYTHON -I phono3py.py QUESTION.npz ANSWER.npz

It imports nothing of ours. A question is a file of arrays; its `task` is one of the functions at the end of this file.
Of every question:

    cell              (3, 3)   Å, rows
    positions         (n, 3)   fractional
    numbers           (n,)     atomic numbers
    fc2_supercell     (3, 3)   supercell matrix of the second-order force constants
    fc3_supercell     (3, 3)   of the third-order ones
    primitive_matrix  (3, 3)   primitive cell in terms of the cell above
    displacement      ()       Å
    symprec           ()       Å

The answer holds what the function returns, or `error` where phono3py could not do it. It is written whole.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from phono3py import Phono3py

Arrays = dict[str, np.ndarray]


def main(question: Path, answer: Path) -> int:
    """Answer one question."""
    with np.load(question, allow_pickle=False) as file:
        given = dict(file)
    try:
        out = TASKS[str(given["task"])](given)
    except MemoryError:
        raise  # a matter of this machine, not of the question
    except Exception as error:  # noqa: BLE001  # whatever went wrong is the host's to judge
        traceback.print_exc()
        out = {"error": np.array(f"{type(error).__name__}: {error}")}
    temporary = answer.with_name(f".{answer.name}.{os.getpid()}.npz")
    with temporary.open("wb") as file:
        np.savez_compressed(file, **out)  # type: ignore[arg-type]  # numpy's keyword allow_pickle
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(answer)
    return 0


def supercells(given: Arrays) -> Arrays:
    """Displaced supercells of both orders, and the space group of the crystal.

    `fc2_positions`, `fc3_positions` (n, N, 3) Å; `fc2_cell`, `fc3_cell` (3, 3) Å; `fc2_numbers`, `fc3_numbers` (N,);
    `space_group` ().
    """
    phonons = _phonons(given)
    out = {"space_group": np.array(phonons.symmetry.dataset.number)}
    displaced = {"fc2": phonons.phonon_supercells_with_displacements, "fc3": phonons.supercells_with_displacements}
    for order, cells in displaced.items():
        out[f"{order}_positions"] = np.array([cell.positions for cell in cells])
        out[f"{order}_cell"] = np.array(cells[0].cell)
        out[f"{order}_numbers"] = np.array(cells[0].numbers)
    return out


def harmonic(given: Arrays) -> Arrays:
    """`frequencies` (points, b), THz, at every point of `mesh` (3,), Γ first, from `fc2_forces` (n, N, 3) eV/Å."""
    phonons = _phonons(given)
    _second_order(phonons, given)
    phonons.mesh_numbers = given["mesh"]
    phonons.init_phph_interaction(symmetrize_fc3q=False)
    phonons.run_phonon_solver()
    frequencies, _, _ = phonons.get_phonon_data()
    return {"frequencies": frequencies}


def conductivity(given: Arrays) -> Arrays:
    """Conductivities at `temperature` (K) in the relaxation-time approximation with Wigner transport.

    Takes `fc2_forces`, `fc3_forces`, `mesh`, and the boundary's mean free path `boundary_mfp_um` (µm). Tensors are
    xx yy zz yz xz xy, W/(m·K). Irreducible q-points: `qpoints` (q, 3), `weights` (q,), `frequencies` (q, b) THz,
    `heat_capacities` (q, b) eV/K; `mode_kappa_particles` (q, b, 6) and `mode_kappa_coherences` (q, b, b, 6) are summed
    over the star of each point, so that the conductivity is their sum divided by the sum of the weights.
    `kappa_particles`, `kappa_coherences` (6,).
    """
    phonons = _phonons(given)
    _second_order(phonons, given)
    phonons.forces = given["fc3_forces"]
    phonons.produce_fc3(symmetrize_fc3r=True)
    phonons.mesh_numbers = given["mesh"]
    phonons.init_phph_interaction(symmetrize_fc3q=False)
    phonons.run_thermal_conductivity(
        temperatures=[float(given["temperature"])],
        is_isotope=True,
        boundary_mfp=float(given["boundary_mfp_um"]),
        transport_type="MS-SMM19",
    )
    found: Any = phonons.thermal_conductivity
    # the first index is the smearing (one: tetrahedra), the second the temperature
    return {
        "qpoints": found.qpoints,
        "weights": found.grid_weights,
        "frequencies": found.frequencies,
        "heat_capacities": found.mode_heat_capacities[0],
        "mode_kappa_particles": found.mode_kappa[0, 0],
        "mode_kappa_coherences": np.real(found.mode_kappa_C[0, 0]),
        "kappa_particles": found.kappa_P_RTA[0, 0],
        "kappa_coherences": np.real(found.kappa_C[0, 0]),
    }


TASKS = {function.__name__: function for function in (supercells, harmonic, conductivity)}


def _phonons(given: Arrays) -> Phono3py:
    from phono3py import Phono3py
    from phonopy.structure.atoms import PhonopyAtoms

    phonons = Phono3py(
        PhonopyAtoms(cell=given["cell"], scaled_positions=given["positions"], numbers=given["numbers"]),
        supercell_matrix=given["fc3_supercell"],
        phonon_supercell_matrix=given["fc2_supercell"],
        primitive_matrix=given["primitive_matrix"],
        symprec=float(given["symprec"]),
    )
    phonons.generate_displacements(distance=float(given["displacement"]))
    return phonons


def _second_order(phonons: Phono3py, given: Arrays) -> None:
    phonons.phonon_forces = given["fc2_forces"]
    phonons.produce_fc2(symmetrize_fc2=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
