"""What we publish for SevenNet-0 against what the authors of the protocol published for it, solid by solid."""

from __future__ import annotations

from typing import cast

import pytest

from evaluation import task as tasks
from evaluation.definitions import kappa as definitions
from evaluation.errors import DatasetUnavailable
from evaluation.harness.store import read_records
from evaluation.protocol import read_protocol
from leaderboard.ranking.collect import PUBLISHED

# SRME of SevenNet-0 (11Jul2024): models/SevenNet/metrics.txt of github.com/MPA2suite/k_SRME at 1f85388
THEIRS = {
    "NaBr-rocksalt": 0.2542,
    "SrO-rocksalt": 0.4324,
    "AgBr-rocksalt": 2.0,
    "NaH-rocksalt": 0.8904,
    "BaTe-rocksalt": 2.0,
    "RbCl-rocksalt": 1.2669,
    "AgI-zincblende": 0.4366,
    "ZnSe-zincblende": 0.3212,
    "BN-zincblende": 2.0,
    "AlAs-zincblende": 0.7533,
    "ZnTe-zincblende": 0.5206,
    "CdS-zincblende": 0.8090,
}


FAST = {
    "RbH-rocksalt": (1.2566, 0.2594, 2.0),
    "NaF-rocksalt": (0.2099, 0.6733, 0.6771),
    "CaTe-rocksalt": (1.2171, 0.2283, 1.6663),
    "KI-rocksalt": (0.8021, 0.2800, 1.5467),
    "CuCl-zincblende": (0.5545, 0.7276, 1.5605),
    "BeTe-zincblende": (1.1510, 0.3071, 1.9349),
    "GaP-zincblende": (0.7525, 0.4659, 1.9768),
    "InSb-zincblende": (0.4495, 0.2902, 2.0),
    "BeTe-wurtzite": (0.9416, 0.3406, 1.9639),
    "CdTe-wurtzite": (0.3161, 0.5402, 1.8268),
}
"""SRME of SevenNet-0, MACE-MPA-0 and CHGNet: models/*/metrics.txt of the same repository."""
ALL_103 = (0.7668, 0.4123, 1.7170)
"""Their means over all solids, from the same files."""


def test_the_fast_subset_stands_for_all_solids_of_the_models_that_have_them() -> None:
    assert set(definitions.protocol().fast) == FAST.keys()
    means = [sum(column) / len(FAST) for column in zip(*FAST.values(), strict=True)]
    assert means == pytest.approx(ALL_103, abs=0.003)
    older = read_protocol("kappa", definitions.KappaProtocol, version=1).fast
    assert sum(THEIRS[name] for name in older) / len(older) == pytest.approx(0.974, abs=0.001)


@pytest.mark.data
@pytest.mark.usefixtures("persons_mirror")
def test_sevennet_comes_out_as_published() -> None:
    records = read_records(PUBLISHED / "kappa" / "sevennet-0@conservative.parquet")
    try:
        rows = {row["sample"]: row for row in tasks.load("kappa").table(records)}
    except DatasetUnavailable:
        pytest.skip("dataset phonondb103 is not on this machine")
    ours = {name: cast(float, rows[name]["srme"]) for name in THEIRS}
    assert ours == pytest.approx(THEIRS, abs=0.07)
    assert sum(ours.values()) / 12 == pytest.approx(sum(THEIRS.values()) / 12, abs=0.01)
    imaginary = {name for name in THEIRS if rows[name]["outcome"] == "imaginary"}
    assert imaginary == {"AgBr-rocksalt", "BaTe-rocksalt", "BN-zincblende"}
