"""Network: what every checkpoint of an architecture that is trained here has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Forces = Literal["conservative", "direct"]


@dataclass(frozen=True)
class Network:
    """An architecture; its name is its family's and its file's in `evaluation/recipes/networks`."""

    code: str
    """Address of its authors' code."""
    code_licence: str
    """SPDX identifier."""
    constrained: bool
    """Equivariant by construction, its forces a gradient alone; otherwise it learns rotations and has direct heads."""

    @property
    def forces(self) -> tuple[Forces, ...]:
        """The force modes of a checkpoint, as cards name them."""
        return ("conservative",) if self.constrained else ("conservative", "direct")

    @property
    def rotation(self) -> str:
        """How it comes by rotational equivariance, as cards say it."""
        return "exact" if self.constrained else "learned"


NETWORKS = {
    "pet": Network("https://github.com/lab-cosmo/metatrain", "BSD-3-Clause", constrained=False),
    "sevennet": Network("https://github.com/MDIL-SNU/SevenNet", "GPL-3.0", constrained=True),
}
