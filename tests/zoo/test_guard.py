"""A foreign package with the name of one of ours: an error names it, and it is never imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo._guard import PACKAGES, require_ours
from zoo.errors import ShadowedPackage

OURS = Path(zoo.__file__).parent.parent


def python(*arguments: str, path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with `path` ahead of our packages."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), str(OURS)])}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def plant(folder: Path, file: str) -> Path:
    """A module that leaves a trace when somebody imports it."""
    planted = folder / file
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(f"open({str(folder / 'imported')!r}, 'w').close()\n")
    return planted


def test_our_own_packages_pass() -> None:
    require_ours(*PACKAGES)


@pytest.mark.parametrize("package", ["evaluation", "leaderboard"])
@pytest.mark.parametrize("file", ["{}/__init__.py", "{}.py"])
def test_the_command_names_the_foreign_package_and_does_not_import_it(tmp_path: Path, package: str, file: str) -> None:
    foreign, elsewhere = tmp_path / "foreign", tmp_path / "elsewhere"
    elsewhere.mkdir()
    planted = plant(foreign, file.format(package))
    done = python("-m", "zoo", "list", path=foreign, cwd=elsewhere)
    assert done.returncode == 1
    assert str(planted) in done.stderr
    assert f"take {foreign} off PYTHONPATH" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (foreign / "imported").exists()


def test_a_foreign_package_in_the_current_folder(tmp_path: Path) -> None:
    plant(tmp_path, "evaluation/__init__.py")
    done = python("-m", "zoo", "list", path=tmp_path, cwd=tmp_path)
    assert done.returncode == 1
    assert "Start Python in another folder" in done.stderr


def test_importing_the_leaderboard_says_it_too(tmp_path: Path) -> None:
    plant(tmp_path, "evaluation.py")
    done = python("-c", "import leaderboard", path=tmp_path, cwd=OURS.parent)
    assert "zoo.errors.ShadowedPackage: " in done.stderr
    assert not (tmp_path / "imported").exists()


def test_a_plain_folder_of_that_name_is_no_foreign_package(tmp_path: Path) -> None:
    # Python prefers a real package further down the path to a folder without __init__.py.
    (tmp_path / "evaluation").mkdir()
    done = python("-c", "import leaderboard, evaluation; print(evaluation.__file__)", path=tmp_path, cwd=tmp_path)
    assert Path(done.stdout.strip()) == OURS / "evaluation" / "__init__.py", done.stderr


def test_the_zoo_alone_does_not_care(tmp_path: Path) -> None:
    # Someone who only loads potentials may well have another package called `evaluation`.
    plant(tmp_path, "evaluation.py")
    assert python("-c", "import zoo; zoo.names()", path=tmp_path, cwd=tmp_path).returncode == 0


def test_a_missing_package_is_an_incomplete_installation() -> None:
    with pytest.raises(ShadowedPackage, match=r"'no_such_package' is missing from .*install mlip-zoo again"):
        require_ours("no_such_package")
