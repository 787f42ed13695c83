"""What comes back from a model is looked at once, here: count, shape, type, finiteness, length of texts.

Nothing that a worker sends is taken for what it should be. Beyond this file an answer is n energies, N × 3 forces and
perhaps n stresses and N moments, real and finite wherever there is no error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.errors import MalformedAnswer
from zoo.runtime.facts import Told
from zoo.runtime.request import Raw, Request
from zoo.runtime.serving import ERROR_CHARACTERS
from zoo.text import last_lines, one_line, plain

NOT_FINITE = "the model returned numbers that are not finite"
_ERROR_LINES, _TRACE_LINES = 12, 24
_TEXT_BYTES = 1 << 25
"""Room for all else in a reply: texts, traces, names of packages."""
_JSON_BYTES = 14
"""Of one character at worst: an escaped surrogate pair, whose backslashes are escaped once more."""


def max_bytes(request: Request) -> int:
    """Size of the largest reply that a request can have."""
    n, atoms = len(request), len(request.numbers)
    return 8 * (10 * n + 4 * atoms) + n * ERROR_CHARACTERS * _JSON_BYTES + _TEXT_BYTES


def accept(request: Request, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Raw:
    """The answer to a request.

    A structure with numbers that are not finite gets an error; where there is an error the numbers become NaN. Raises
    MalformedAnswer when the arrays cannot be the answer to this request.
    """
    n, atoms = len(request), len(request.numbers)
    energies = _real(arrays, "energies", (n,))
    forces = _real(arrays, "forces", (atoms, 3))
    stresses = _real(arrays, "stresses", (n, 3, 3)) if "stresses" in arrays else None
    magmoms = _real(arrays, "magmoms", (atoms,)) if request.magmoms else None
    errors = _errors(header.get("errors"), n)
    starts = np.cumsum(request.n_atoms) - request.n_atoms
    finite = np.isfinite(energies) & np.logical_and.reduceat(np.isfinite(forces).all(axis=1), starts)
    if stresses is not None:  # a structure with an open direction has none, and its numbers mean nothing
        finite &= np.isfinite(stresses).all(axis=(1, 2)) | ~request.pbc.astype(bool).all(axis=1)
    if magmoms is not None:
        finite &= np.logical_and.reduceat(np.isfinite(magmoms), starts)
    for index in np.flatnonzero(~finite):
        errors[index] = errors[index] or NOT_FINITE
    if any(errors):
        failed = np.array([error is not None for error in errors])
        energies = np.where(failed, np.nan, energies)
        forces = np.where(np.repeat(failed, request.n_atoms)[:, None], np.nan, forces)
        stresses = None if stresses is None else np.where(failed[:, None, None], np.nan, stresses)
        magmoms = None if magmoms is None else np.where(np.repeat(failed, request.n_atoms), np.nan, magmoms)
    return Raw(energies, forces, stresses, errors, number(header, "seconds"), magmoms)


def failed(request: Request, error: object) -> Raw:
    """No numbers for the one structure of a request, and why."""
    return Raw.failed(request, one_line(str(error), limit=ERROR_CHARACTERS))


def failure_text(reply: Mapping[str, Any]) -> str:
    """An error's text and the end of its traceback, in at most 36 lines."""
    error = plain(str(reply.get("error")), limit=2000, lines=_ERROR_LINES)
    return f"{error}\n{last_lines(str(reply.get('trace', '')), limit=300, lines=_TRACE_LINES)}".rstrip()


def number(header: Mapping[str, Any], name: str) -> float:
    """A finite number ≥ 0 of a reply. Raises MalformedAnswer."""
    value = header.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise MalformedAnswer(f"{name} must be a number and is {one_line(repr(value), limit=60)}")
    return float(value)


def optional_number(header: Mapping[str, Any], name: str) -> float | None:
    """The same of a field that a reply may lack. Raises MalformedAnswer."""
    return None if header.get(name) is None else number(header, name)


def about(header: Mapping[str, Any]) -> dict[str, Any]:
    """What a model says of itself when it is loaded: facts, device, accelerator, python, packages.

    And, of an accelerator, what it has for the model (`available_gb`, None where nothing tells), and whether the worker
    prepares a batch while another one is computed (`prepares_ahead`). Raises MalformedAnswer.
    """
    facts, packages = header.get("facts"), header.get("packages")
    if not isinstance(facts, dict) or not isinstance(packages, dict):
        raise MalformedAnswer("a loaded model must tell its facts and its packages")
    Told.of(facts)
    accelerator = header.get("accelerator")
    return {
        "facts": facts,
        "device": one_line(str(header.get("device")), limit=100),
        "accelerator": None if accelerator is None else one_line(str(accelerator), limit=200),
        "available_gb": optional_number(header, "available_gb"),
        "prepares_ahead": header.get("prepares_ahead") is True,
        "python": one_line(str(header.get("python")), limit=100),
        "packages": {
            one_line(str(name), limit=200): one_line(str(version), limit=200) for name, version in packages.items()
        },
    }


def _errors(found: object, n: int) -> list[str | None]:
    if not isinstance(found, list) or len(found) != n or not all(e is None or isinstance(e, str) for e in found):
        raise MalformedAnswer(f"errors must be a list of {n} texts or nulls")
    return [None if e is None else one_line(e, limit=ERROR_CHARACTERS) or "an error without a text" for e in found]


def _real(arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    array = arrays.get(name)
    if array is None:
        raise MalformedAnswer(f"there are no {name}")
    if array.dtype.kind not in "fiu":
        raise MalformedAnswer(f"{name} are {array.dtype}, not real numbers")
    if array.shape != shape:
        raise MalformedAnswer(f"{name} have shape {array.shape}, not {shape}")
    return array.astype(np.float64, copy=False)
