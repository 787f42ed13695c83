"""An environment where no registry is reached: from a folder of wheels, and what this interpreter has already.

The folder's wheels are installed as they are, and what no wheel has (torch and CUDA, as a rule) is taken from the
packages of the interpreter that runs mlip-zoo. Neither need be the version that the adapter pins: the environment has a
name of its own, its receipt says what it holds, and every result lists the versions that its model ran with.
"""

from __future__ import annotations

import email
import importlib.metadata
import re
import site
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from zoo.errors import EnvironmentFault

BASE_PACKAGES = "base-packages"
"""Key in an environment's pyvenv.cfg: a folder of packages that it uses and that is not its own."""
_PIP_TIME_LIMIT = 600.0
"""Seconds."""


@dataclass(frozen=True)
class Found:
    """The package that stands for a requirement."""

    version: str
    wheel: Path | None
    """None: this interpreter has it."""


def listed(folder: Path) -> tuple[str, ...]:
    """Names of the wheels in a folder, sorted. Raises EnvironmentFault when there is none."""
    names = tuple(sorted(path.name for path in folder.glob("*.whl")))
    if not names:
        raise EnvironmentFault(f"MLIP_ZOO_WHEELS: {folder} has no wheels")
    return names


def choose(dependencies: Sequence[str], overrides: Sequence[str], folder: Path) -> dict[str, Found]:
    """What stands for the dependencies and all that they need, by name.

    Raises EnvironmentFault that names all packages that are missing.
    """
    wheels, base = _wheels(folder), _of_this_interpreter()
    instead = {canonicalize_name(wanted.name): wanted for wanted in map(Requirement, overrides)}
    found: dict[str, Found] = {}
    missing: dict[str, str] = {}
    waiting = [(Requirement(text), "the adapter") for text in dependencies]
    while waiting:
        wanted, by = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in instead and by != "the adapter":
            wanted = instead[name]
        if name in found or name in missing or not (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
            continue
        if name in wheels:
            version, wheel = wheels[name]
            found[name] = Found(version, wheel)
            waiting += [(need, name) for need in _needs(wheel)]
        elif name in base:  # what it needs is there: it runs already
            found[name] = Found(base[name], None)
        else:
            missing[name] = by
    if missing:
        told = ", ".join(f"{name} (for {by})" for name, by in sorted(missing.items()))
        raise EnvironmentFault(f"neither the wheels in {folder} nor {sys.executable} have {told}; add their wheels")
    return found


def build(folder: Path, found: Mapping[str, Found]) -> None:
    """Make the environment in `folder`. Raises EnvironmentFault with pip's own words."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    packages = next(folder.glob("lib/python*/site-packages"))
    wheels = sorted(str(one.wheel) for one in found.values() if one.wheel)
    if wheels:
        _pip(wheels, packages)
    base = base_folders()
    # added last, so that what was installed here goes first
    lines = [f"import site; site.addsitedir({str(path)!r})\n" for path in base]
    (packages / "base-packages.pth").write_text("".join(lines), encoding="utf-8")
    with (folder / "pyvenv.cfg").open("a", encoding="utf-8") as settings:
        settings.writelines(f"{BASE_PACKAGES} = {path}\n" for path in base)


def base_folders() -> list[Path]:
    """The folders of packages that environments take from this interpreter; inside one of them, the same ones."""
    settings = Path(sys.prefix, "pyvenv.cfg")
    pairs = [line.partition("=") for line in settings.read_text().splitlines()] if settings.is_file() else []
    noted = [value.strip() for key, _, value in pairs if key.strip() == BASE_PACKAGES]
    return [Path(path) for path in dict.fromkeys(noted or site.getsitepackages()) if Path(path).is_dir()]


def receipt(dependencies: Sequence[str], found: Mapping[str, Found]) -> dict[str, object]:
    """What the environment really holds, and whether that is what the adapter pins."""
    pins = [Requirement(text) for text in dependencies]
    return {
        "pins_kept": all(pin.specifier.contains(found[canonicalize_name(pin.name)].version) for pin in pins),
        "holds": {
            name: {"version": one.version, "from": "base" if one.wheel is None else "wheel"}
            for name, one in sorted(found.items())
        },
    }


def _pip(wheels: Sequence[str], packages: Path) -> None:
    """Install wheels into a folder of packages."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-deps", "--no-compile", "--no-cache-dir", "--target", str(packages), "--", *wheels]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PIP_TIME_LIMIT)
    if done.returncode:
        told = "\n  ".join(done.stderr.strip().splitlines()[-15:])
        raise EnvironmentFault(f"the wheels could not be installed:\n  {told}")


def _wheels(folder: Path) -> dict[str, tuple[str, Path]]:
    """Version and path by name; of several versions the newest."""
    found: dict[str, tuple[str, Path]] = {}
    versions = []
    for path in folder.glob("*.whl"):
        try:
            name, version, *_ = parse_wheel_filename(path.name)
        except InvalidWheelFilename as error:
            raise EnvironmentFault(f"MLIP_ZOO_WHEELS: {error}") from None
        versions.append((version, str(name), path))
    for newest_last, package, path in sorted(versions):
        found[package] = (str(newest_last), path)
    return found


def _needs(wheel: Path) -> Iterator[Requirement]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        message = email.message_from_bytes(archive.read(name))
    return map(Requirement, message.get_all("Requires-Dist", []))


def _of_this_interpreter() -> dict[str, str]:
    folders = [str(path) for path in base_folders()]
    return {canonicalize_name(d.metadata["Name"]): d.version for d in importlib.metadata.distributions(path=folders)}
