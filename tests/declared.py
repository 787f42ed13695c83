"""A potential in this process over a model whose facts a test declares."""

from __future__ import annotations

import json
from pathlib import Path

from tests import toy
from zoo.cards.mode import Averaging, Forces
from zoo.potential import Potential
from zoo.runtime.local import Local

ADAPTER = Path(__file__).parent / "adapters" / "declared.py"


def declared(averaging: Averaging = "none", forces: Forces = "conservative", /, **facts: object) -> Potential:
    """See tests/adapters/declared.py."""
    mode = {"device": "cpu", "dtype": "float64", "forces": "conservative", "runtime": "eager"}
    backend = Local(adapter=ADAPTER, files={}, mode={**mode, "fidelity": json.dumps(facts)})
    card = toy.card()
    return Potential(
        backend, card=card, mode=card.default_mode.model_copy(update={"averaging": averaging, "forces": forces})
    )
