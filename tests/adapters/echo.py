# /// script
# requires-python = ">=3.12"
# dependencies = ["numpy==2.5.4", "safetensors==0.8.0"]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""A model whose energy is the first coordinate of the first atom, so that an answer tells its question.

Neon waits until a file `go` lies beside the checkpoint, and leaves a file `waiting`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np


def load(files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str) -> Echo:
    return Echo(files["upstream"].parent)


class Echo:
    facts: dict[str, Any] = {"parameters": [0, 0], "cutoff": 6.0, "elements": ["He", "Ne"]}  # noqa: RUF012

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def compute(self, structures: list[Any]) -> Any:
        for structure in structures:
            while structure.numbers[0] == 10 and not (self.folder / "go").exists():
                (self.folder / "waiting").touch()
                time.sleep(0.01)
            yield structure.positions[0, 0], structure.positions, np.zeros((3, 3))
