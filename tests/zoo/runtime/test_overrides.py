"""Headers that change what packages ask for, and structures that models take for periodic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo.errors import EnvironmentFault
from zoo.runtime import environment
from zoo.runtime.serving import Structure

HEADER = """# /// script
# requires-python = ">=3.12"
# dependencies = ["some==1.0"]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# override-dependencies = {overrides}
# ///
"""


def described(folder: Path, overrides: str) -> environment.Environment:
    adapter = folder / "some.py"
    adapter.write_text(HEADER.format(overrides=overrides))
    return environment.describe(adapter)


def test_an_override_is_part_of_what_an_environment_is(tmp_path: Path) -> None:
    plain, other = described(tmp_path, "[]"), described(tmp_path, '["torch==2.13.0"]')
    assert (plain.overrides, other.overrides) == ((), ("torch==2.13.0",))
    assert plain.folder != other.folder


def test_an_override_is_exact_or_drops_the_dependency(tmp_path: Path) -> None:
    assert described(tmp_path, """["wandb ; sys_platform == 'never'"]""").overrides
    with pytest.raises(EnvironmentFault, match="torch>=2"):
        described(tmp_path, '["torch>=2"]')
    with pytest.raises(EnvironmentFault, match="wandb"):
        described(tmp_path, """["wandb ; sys_platform == 'linux'"]""")


@pytest.mark.parametrize("pbc", [(False, False, False), (True, False, False), (True, True, False), (True, True, True)])
def test_central_moves_by_whole_cells_and_otherwise_as_one(pbc: tuple[bool, bool, bool]) -> None:
    rng = np.random.default_rng(2)
    cell = np.array([[3.0, 0.2, 0.0], [0.5, 4.0, 0.1], [0.3, 0.4, 5.0]]) * np.array(pbc)[:, None]
    positions = rng.normal(scale=2.0, size=(5, 3)) + 1e4
    moved = Structure(np.full(5, 6), positions, cell, np.array(pbc)).central().positions - positions
    assert abs(moved + positions).max() < 12.0
    apart = moved - moved[0]
    whole = np.linalg.lstsq(cell.T, apart.T, rcond=None)[0] if any(pbc) else np.zeros((3, 5))
    assert abs(whole - whole.round()).max() < 1e-8
    assert abs(cell.T @ whole - apart.T).max() < 1e-8
