"""An environment from a folder of wheels, and what this interpreter has already."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from zoo.errors import EnvironmentFault
from zoo.runtime import wheels
from zoo.runtime.environment import describe
from zoo.sandbox import launch


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "wheels"
    found.mkdir()
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLIP_ZOO_WHEELS", str(found))
    return found


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        wanted = "".join(f"Requires-Dist: {need}\n" for need in needs)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{wanted}")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")


def adapter(folder: Path, *dependencies: str) -> Path:
    listed = ", ".join(f'"{dependency}"' for dependency in dependencies)
    path = folder.parent / "one.py"
    path.write_text(
        f'# /// script\n# requires-python = ">=3.12"\n# dependencies = [{listed}]\n# [tool.uv]\n'
        '# exclude-newer = "2026-11-01T00:00:00Z"\n# override-dependencies = '
        "[\"beta_away ; sys_platform == 'never'\"]\n# ///\n"
    )
    return path


def test_wheels_come_first_and_the_rest_from_this_interpreter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel(folder, "alpha_of_ours", "2.0", "beta_of_ours>=1", "beta_away", "gamma ; extra == 'more'", "numpy")
    wheel(folder, "beta_of_ours", "1.5")
    pinned = describe(adapter(folder, "alpha_of_ours==2.0", "packaging==0.1"))
    monkeypatch.setattr(wheels, "_pip", _unpack)
    pinned.ensure()
    report = pinned.report()
    assert report is not None
    assert not report["pins_kept"]
    holds = report["holds"]
    assert isinstance(holds, dict)
    assert holds["alpha-of-ours"] == {"version": "2.0", "from": "wheel"}
    assert holds["packaging"]["from"] == holds["numpy"]["from"] == "base"
    told = subprocess.run(
        [pinned.python, "-I", "-c", "import alpha_of_ours, beta_of_ours, packaging; print(packaging.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    readable = launch._interpreter(pinned.python)
    assert any(path in Path(told.strip()).parents for path in readable if "site-packages" in str(path))


def _unpack(found: list[str], packages: Path) -> None:
    """pip's work on a wheel without scripts; pip itself need not be installed where tests run."""
    for path in found:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(packages)


def test_another_folder_or_none_is_another_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel(folder, "alpha_of_ours", "2.0")
    path = adapter(folder, "alpha_of_ours==2.0")
    here = describe(path).folder
    assert here.name.startswith("one-wheels-")
    wheel(folder, "beta_of_ours", "1.0")
    assert describe(path).folder != here
    monkeypatch.delenv("MLIP_ZOO_WHEELS")
    assert "wheels" not in describe(path).folder.name


def test_what_is_missing_is_named_with_who_wants_it(folder: Path) -> None:
    wheel(folder, "alpha_of_ours", "2.0", "delta_of_nobody")
    with pytest.raises(EnvironmentFault, match=r"delta-of-nobody \(for alpha-of-ours\).*add their wheels"):
        describe(adapter(folder, "alpha_of_ours==2.0")).ensure()
    with pytest.raises(EnvironmentFault, match=r"epsilon-of-nobody \(for the adapter\)"):
        describe(adapter(folder, "epsilon_of_nobody==1.0")).ensure()


def test_pins_that_hold_are_said_to_hold(folder: Path) -> None:
    wheel(folder, "alpha_of_ours", "1.0")
    wheel(folder, "alpha_of_ours", "2.0")
    found = wheels.choose(["alpha_of_ours==2.0"], [], folder)
    assert wheels.receipt(["alpha_of_ours==2.0"], found) == {
        "pins_kept": True,
        "holds": {"alpha-of-ours": {"version": "2.0", "from": "wheel"}},
    }
    assert json.dumps(wheels.receipt(["alpha_of_ours==1.0"], found))
    assert not wheels.receipt(["alpha_of_ours==1.0"], found)["pins_kept"]


def test_an_empty_folder_is_said_to_be_empty(folder: Path) -> None:
    with pytest.raises(EnvironmentFault, match="has no wheels"):
        describe(adapter(folder, "alpha_of_ours==2.0"))
