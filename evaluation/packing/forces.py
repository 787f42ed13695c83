"""Forces: the model's as their differences from the reference's, in the decimals that the record has; the rest rounded.

Most forces of a frame sum to zero, so that the sum stands for those on the last atom. Forces come back exactly.
Stresses are whole multiples of 1e-8 eV/Å³ (1.6e-6 GPa) and energies of 1e-6 eV (1e-3 meV): a thousandth and a hundredth
of the last digit shown.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from pydantic import JsonValue

from evaluation.packing import Integers, Outputs, Packed

_DECIMALS = {"forces": 4, "stress": 8, "energy": 6}
"""Of eV/Å, eV/Å³ and eV."""
_SIDES = ("ref", "pred")
_LARGEST = 2**30
"""What is larger than that many units stays as it is; a difference of two smaller ones can be packed."""


class ForcesPacking:
    version = 1
    columns = {  # noqa: RUF012  # as the protocol has it
        "forces_ref": "1e-4 eV/Å; in place of the last atom's the sum over all",
        "forces_pred": "1e-4 eV/Å, minus forces_ref where there is one; in place of the last atom's the sum over all",
        "stress_ref": "1e-8 eV/Å³",
        "stress_pred": "1e-8 eV/Å³, minus stress_ref where there is one",
        "energy_ref": "1e-6 eV",
        "energy_pred": "1e-6 eV, minus energy_ref where there is one",
    }
    steps = (1,)

    def pack(self, outputs: Outputs) -> Packed:
        rest, arrays = dict(outputs), {}
        for kind in _DECIMALS:
            names = [f"{kind}_{which}" for which in _SIDES]
            whole = {name: _whole(outputs[name], kind) for name in names if outputs[name] is not None}
            if not all(_kept(each, outputs[name], kind) for name, each in whole.items()):
                continue
            if len(whole) == len(_SIDES):
                whole[names[1]] = whole[names[1]] - whole[names[0]]
            for name, each in whole.items():
                arrays[name] = (_summed(each) if kind == "forces" else each).ravel()
                del rest[name]
        return Packed(rest, arrays)

    def coarsened(self, packed: Packed, step: int) -> Packed:  # noqa: ARG002  # as the protocol has it
        return packed

    def unpack(self, packed: Packed) -> Outputs:
        found = dict(packed.rest)
        for kind in _DECIMALS:
            names = [f"{kind}_{which}" for which in _SIDES]
            whole = {name: packed.arrays[name] for name in names if name in packed.arrays}
            if kind == "forces":
                whole = {name: _last_from_sum(each.reshape(-1, 3)) for name, each in whole.items()}
            if len(whole) == len(_SIDES):
                whole[names[1]] = whole[names[1]] + whole[names[0]]
            found |= {name: _value(each, kind) for name, each in whole.items()}
        return found


def _kept(whole: Integers, value: JsonValue, kind: str) -> bool:
    """Whether nothing is lost of forces, which may have more decimals, and nothing is too large."""
    return bool(np.abs(whole).max(initial=0) < _LARGEST) and (kind != "forces" or _value(whole, kind) == value)


def _summed(forces: Integers) -> Integers:
    """Forces (n, 3) with their sum in the last row."""
    return np.concatenate([forces[:-1], forces.sum(axis=0, keepdims=True)])


def _last_from_sum(summed: Integers) -> Integers:
    """`_summed` back."""
    return np.concatenate([summed[:-1], summed[-1:] - summed[:-1].sum(axis=0, keepdims=True)])


def _whole(value: JsonValue, kind: str) -> Integers:
    return np.asarray(np.rint(np.array(value, dtype=float, ndmin=1) * 10 ** _DECIMALS[kind]), dtype=np.int64)


def _value(whole: Integers, kind: str) -> JsonValue:
    floats = cast("list[JsonValue]", (whole / 10 ** _DECIMALS[kind]).tolist())
    return floats[0] if kind == "energy" else floats


PACKING = ForcesPacking()
