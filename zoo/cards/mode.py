"""Mode: how a checkpoint is run. `chgnet-0.3.0@conservative+float64` is an entry: a checkpoint × a mode."""

from __future__ import annotations

import re
from typing import Literal, get_args

from zoo.errors import ModeError
from zoo.strict import Strict

Forces = Literal["conservative", "direct"]
Averaging = Literal[
    "none",
    "o3-3",
    "o3-5",
    "o3-7",
    "o3-3-inversion",
    "o3-5-inversion",
    "o3-7-inversion",
    "space-group",
    "random-frame",
]
Dtype = Literal["float32", "float64"]
Runtime = Literal["eager", "compiled"]

_TOKENS = {
    "forces": get_args(Forces),
    "averaging": get_args(Averaging),
    "dtype": get_args(Dtype),
    "runtime": get_args(Runtime),
}
_DIRECTIONS = {3: 6, 5: 14, 7: 26}
"""l_max → points of the Lebedev rule of that degree; each is taken with 2 l_max + 1 angles about it."""
_FIDELITY = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


class Mode(Strict):
    """An inference mode; frozen, comparable, with one canonical string.

    The string is `forces[+fidelity][+averaging][+dtype][+runtime]`; what equals the default is left out, the forces
    never are: a reader must not have to know a default to know whether the forces are a gradient.
    """

    forces: Forces = "conservative"
    """`conservative`: forces and stress are derivatives of the energy; `direct`: predicted by a head of their own."""
    fidelity: str | None = None
    """The level of theory asked of a multi-fidelity checkpoint (`pbe`, `r2scan`); None where there is only one."""
    averaging: Averaging = "none"
    """Symmetrisation around the model: over rotations up to l_max (`o3-3`), with an inverted copy of each
    (`o3-3-inversion`), over the crystal's own group, or one random orientation (zoo.wrappers)."""
    dtype: Dtype = "float32"
    """Floating-point type of the model's arithmetic (positions travel as float64 always)."""
    runtime: Runtime = "eager"
    """`eager`, or `compiled` where the family has a compiled kernel."""

    def __str__(self) -> str:
        given = [self.forces, self.fidelity]
        given += [
            getattr(self, field)
            for field in ("averaging", "dtype", "runtime")
            if getattr(self, field) != type(self).model_fields[field].default
        ]
        return "+".join(token for token in given if token)

    @property
    def cost_force_calls(self) -> int:
        """Model evaluations that one answer of this mode costs.

        The space group's is one: a crystal that its own symmetry has moved is the same crystal.
        """
        match self.averaging.split("-"):
            case ["o3", l_max, *inversion]:
                return _DIRECTIONS[int(l_max)] * (2 * int(l_max) + 1) * (2 if inversion else 1)
            case _:
                return 1

    @classmethod
    def parse(cls, text: str) -> Mode:
        """Read a mode's string, tokens in any order. Raises ModeError on a repeated or malformed token."""
        found: dict[str, str] = {}
        for token in text.split("+"):
            field = next((f for f, allowed in _TOKENS.items() if token in allowed), "fidelity")
            if field == "fidelity" and not _FIDELITY.fullmatch(token):
                raise ModeError(f"{token!r} in {text!r} is no part of a mode; one looks like 'conservative+float64'")
            if field in found:
                raise ModeError(f"{text!r} gives {field} twice ({found[field]!r} and {token!r}); keep one")
            found[field] = token
        return cls(**found)  # type: ignore[arg-type]  # the tokens were checked above
