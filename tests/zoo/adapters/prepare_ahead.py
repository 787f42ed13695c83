"""Run in a family's environment: whether batches that are prepared ahead have the answers of those in turn, bit by bit.

    FAMILY_PYTHON prepare_ahead.py SERVING ADAPTER FILES MODE

FILES and MODE are JSON. It computes on the CPU, where nothing is prepared ahead unless this asks for it, and prints the
largest differences and seconds as JSON.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    source, adapter, files, mode = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("serving", source)
    assert spec is not None
    assert spec.loader is not None
    serving: Any = importlib.util.module_from_spec(spec)
    sys.modules["serving"] = serving
    spec.loader.exec_module(serving)
    served = serving.Served(
        Path(adapter), {role: Path(file) for role, file in json.loads(files).items()}, json.loads(mode)
    )
    asked = rock_salt(30)
    found = {}
    for ahead in (False, True, False, True):
        served.prepares_ahead = ahead
        clock = time.process_time()
        header, arrays = served.compute(asked, atoms_per_batch=60)
        found[ahead] = arrays, header["errors"], time.process_time() - clock
    (first, errors, in_turn), (second, _, beside) = found[False], found[True]
    print(
        json.dumps(
            {
                "pair": isinstance(served.model, serving.PreparingModel),
                "errors": [error for error in errors if error],
                "different": [name for name in first if not np.array_equal(first[name], second[name])],
                "threads": [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()],
                "cpu_seconds": [in_turn, beside],
            }
        )
    )


def rock_salt(n: int) -> dict[str, np.ndarray]:
    """MgO in `n` cells of 8 or 16 atoms, each moved a little, as arrays of a request."""
    rng = np.random.default_rng(0)
    basis = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]) / 2
    positions, cells, numbers = [], [], []
    for k in range(n):
        repeats = 1 + k % 2
        cells.append(np.diag([4.21 * repeats, 4.21, 4.21]))
        sites = np.concatenate([basis * 4.21 + [4.21 * i, 0, 0] for i in range(repeats)])
        positions.append(sites + rng.normal(0, 0.05, sites.shape))
        numbers.append(np.tile([12, 12, 12, 12, 8, 8, 8, 8], repeats))
    return {
        "n_atoms": np.array([len(each) for each in numbers]),
        "numbers": np.concatenate(numbers),
        "positions": np.concatenate(positions),
        "cells": np.array(cells),
        "pbc": np.ones((n, 3), dtype=np.uint8),
        "charges": np.full(n, np.nan),
        "spins": np.full(n, np.nan),
    }


if __name__ == "__main__":
    main()
