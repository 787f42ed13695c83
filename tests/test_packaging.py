"""What a person installs: the pins, the wheel, and the interpreter that carries them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
import uv
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / ".ci" / "requirements.lock").read_text(encoding="utf-8")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command that must succeed; its standard output."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the lock ---------------------------------------------------------------------------------------------------------


def locked() -> Iterator[tuple[Requirement, list[str]]]:
    """Every entry of the lock and its hashes."""
    for entry in re.split(r"\n(?=\S)", re.sub(r"(?m)^#.*\n", "", LOCK).strip()):
        requirement, *hashes = (line.strip() for line in entry.split("\\\n"))
        yield Requirement(requirement), hashes


def test_the_lock_is_exact_and_hashed() -> None:
    for requirement, hashes in locked():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), requirement


def test_the_lock_names_no_address() -> None:
    assert re.search(r"://|--(extra-)?index|--find-links|(?m:^-)|@ |/", LOCK) is None


def test_the_lock_holds_what_pyproject_asks_for() -> None:
    pinned = {canonicalize_name(requirement.name): requirement for requirement, _ in locked()}
    extras = PROJECT["project"]["optional-dependencies"]
    asked = [
        *PROJECT["project"]["dependencies"],
        *(line for role in ("cluster", "evaluation", "leaderboard", "test") for line in extras[role]),
        *PROJECT["dependency-groups"]["build"],
        *PROJECT["build-system"]["requires"],
    ]
    for line in asked:
        requirement = Requirement(line)
        pin = next(iter(pinned[canonicalize_name(requirement.name)].specifier)).version
        assert requirement.specifier.contains(pin), f"{line}, but the lock has {pin}: run 'make lock'"


@pytest.mark.slow
def test_the_lock_is_what_make_lock_writes(tmp_path: Path) -> None:
    run("make", "lock", f"LOCK={tmp_path / 'lock'}", cwd=ROOT)
    assert (tmp_path / "lock").read_text(encoding="utf-8") == LOCK


@pytest.mark.slow
@pytest.mark.parametrize("python", ["3.12", "3.13"])
@pytest.mark.parametrize("platform", ["x86_64-manylinux_2_28", "aarch64-manylinux_2_34", "aarch64-apple-darwin"])
def test_the_lock_installs_without_a_compiler_elsewhere(tmp_path: Path, python: str, platform: str) -> None:
    """The platforms that README names; there is no PyTorch for others."""
    wheels = ["--only-binary", ":all:", "--no-binary", "bibtexparser"]  # pure Python, and published as source alone
    command = [uv.find_uv_bin(), "pip", "install", "--dry-run", "--require-hashes", *wheels]
    target = ["--target", str(tmp_path), "--python-version", python, "--python-platform", platform]
    run(*command, *target, "-r", ".ci/requirements.lock", cwd=ROOT, MACOSX_DEPLOYMENT_TARGET="14.0")


# --- the wheel --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the unpacked sdist: what is not in the sdist cannot be in it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as sdist:
        sdist.extractall(folder, filter="data")
    source = next(path for path in folder.iterdir() if path.is_dir())
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=source)
    return next(folder.glob("*.whl"))


def test_the_wheel_has_every_file_and_no_other(wheel: Path, project_files: tuple[str, ...]) -> None:
    packages = ("zoo/", "evaluation/", "leaderboard/", "model_cards/")
    records = re.compile(r"leaderboard/results/.*\.parquet")  # 30 MB that no page of an installation needs
    ours = {name for name in project_files if name.startswith(packages) and not records.fullmatch(name)}
    expected = {re.sub("^model_cards/", "zoo/_cards/", name) for name in ours}
    assert {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name} == expected


def test_the_wheel_is_small_enough_to_install_in_a_notebook(wheel: Path) -> None:
    assert wheel.stat().st_size < 15_000_000


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        about = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(about).decode())
        commands = archive.read(about.replace("METADATA", "entry_points.txt")).decode()
    assert (metadata["Name"], metadata["License-Expression"]) == ("mlip-zoo", "MIT")
    assert metadata["Requires-Python"] == ">=3.12"
    assert {"cluster", "energy", "evaluation", "leaderboard", "test"} == set(metadata.get_all("Provides-Extra") or [])
    assert commands.split() == ["[console_scripts]", "mlip-zoo", "=", "zoo.__main__:main"]


def test_an_installed_wheel_lists_its_cards(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "site"
    install = [uv.find_uv_bin(), "pip", "install", "--offline", "--no-deps", "--python", sys.executable]
    run(*install, "--target", installed, wheel, cwd=tmp_path)
    script = "import zoo; print(zoo.__file__, *zoo.names())"
    where, *names = run(sys.executable, "-c", script, cwd=tmp_path, PYTHONPATH=str(installed)).split()
    assert Path(where) == installed / "zoo" / "__init__.py"
    assert names == sorted(path.stem for path in (ROOT / "model_cards").glob("*.md"))
    listing = run(installed / "bin" / "mlip-zoo", "list", cwd=tmp_path, PYTHONPATH=str(installed))
    assert "chgnet-0.3.0" in listing


# --- the interpreter --------------------------------------------------------------------------------------------------


def executable(file: Path, script: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def find_python(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the finder where every `python3…` on PATH is a shim that exists and does not run."""
    for name in ("python3", "python3.12", "python3.13"):
        executable(home / "shims" / name, "echo pyenv: version not installed >&2; exit 127")
    clean = {"HOME": str(home), "PATH": f"{home / 'shims'}:/usr/bin:/bin", **environment}
    return subprocess.run([ROOT / ".ci" / "find-python"], env=clean, capture_output=True, text=True, check=False)


def test_shims_that_do_not_run_are_passed_over(tmp_path: Path) -> None:
    versions = tmp_path / ".pyenv" / "versions"
    executable(versions / "3.12.0" / "bin" / "python", "exit 1")
    executable(versions / "3.13.0" / "bin" / "python", f'exec "{sys.executable}" "$@"')
    found = find_python(tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    assert Path(found.stdout.strip()).samefile(sys.executable)


def test_no_python_at_all_is_answered_with_what_to_do(tmp_path: Path) -> None:
    found = find_python(tmp_path)
    assert found.returncode == 1
    assert found.stdout == ""
    assert "make PYTHON=" in found.stderr


def test_a_python_asked_for_is_the_one_or_none(tmp_path: Path) -> None:
    asked = executable(tmp_path / "old", "exit 1")
    executable(tmp_path / ".pyenv" / "versions" / "3.13.0" / "bin" / "python", f'exec "{sys.executable}" "$@"')
    found = find_python(tmp_path, PYTHON=str(asked))
    assert (found.returncode, found.stdout) == (1, "")
    assert str(asked) in found.stderr
