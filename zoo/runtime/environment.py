"""A family's environment: built by uv from the PEP 723 header of its adapter, exact pins and a date."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from zoo import adapters
from zoo.errors import EnvironmentFault
from zoo.files import write_json
from zoo.progress import Say
from zoo.runtime import linking, wheels
from zoo.sandbox import choice
from zoo.settings import cache_dir, offline, wheels_dir
from zoo.text import one_line

_HEADER = re.compile(r"^# /// script\n(?P<body>(?:#.*\n)+?)# ///$", re.MULTILINE)
RECEIPT = "mlip-zoo.json"
NEVER = "sys_platform == 'never'"
"""The marker with which an override drops a dependency that a model does not need to compute."""
_BUILD_TIME_LIMIT = 3600.0
"""Seconds."""


@dataclass(frozen=True)
class Environment:
    """Where a family's packages live, and what they must be."""

    family: str
    adapter: Path
    requires_python: str
    dependencies: tuple[str, ...]
    exclude_newer: str
    overrides: tuple[str, ...]
    """What packages are to want instead of what their own metadata say (`[tool.uv] override-dependencies`)."""
    folder: Path
    wheels: Path | None = None
    """The folder of wheels that it is built from; None: from the registry, at the pins."""

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def ready(self) -> bool:
        return self._receipt.is_file() and self.python.exists()

    @property
    def _receipt(self) -> Path:
        return self.folder / RECEIPT

    def report(self) -> dict[str, object] | None:
        """What building it took: seconds, bytes on disk, number of packages; None when it is not built."""
        found: dict[str, object] = json.loads(self._receipt.read_text()) if self.ready else {}
        return found or None

    def ensure(self, *, say: Say | None = None) -> None:
        """Build the environment when it is not there. Safe to call from several processes at once.

        Raises EnvironmentFault with uv's own words when it cannot be built, or when its folder cannot be written.
        """
        if self.ready:
            return
        from filelock import FileLock

        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.folder}.lock"):
                if not self.ready:
                    self._build(say or (lambda _: None))
        except OSError as error:
            raise EnvironmentFault(
                f"{self.folder} cannot be written ({error.strerror or error}). Make room there, or set MLIP_ZOO_CACHE "
                "to a folder that can be written."
            ) from error

    def remove(self) -> None:
        """Delete the environment; the packages stay in uv's cache."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _build(self, say: Say) -> None:
        self.remove()  # what is there without a receipt is the remains of a killed build
        started = time.monotonic()
        say(f"building the environment of {self.family}")
        told = self._from_registry(say) if self.wheels is None else self._from_wheels(self.wheels)
        write_json(
            self._receipt,
            {
                "family": self.family,
                "dependencies": list(self.dependencies),
                "overrides": list(self.overrides),
                "exclude_newer": self.exclude_newer,
                **told,
                "seconds": round(time.monotonic() - started, 1),
                **_size(self.folder),
            },
        )

    def _from_registry(self, say: Say) -> dict[str, object]:
        mode = linking.mode(self.folder.parent, writable=choice.effective() == "none")
        self._uv("venv", "--no-project", "--python", _base_python(self.requires_python), str(self.folder), say=say)
        with tempfile.TemporaryDirectory() as scratch:
            overrides = Path(scratch) / "overrides.txt"
            overrides.write_text("\n".join(self.overrides), encoding="utf-8")
            self._uv(
                *("pip", "install", "--python", str(self.python), "--exclude-newer", self.exclude_newer),
                # wheels only: building a source distribution would run its code here, before any sandbox
                *("--no-build", "--override", str(overrides), "--link-mode", mode),
                *("--", *self.dependencies),
                say=say,
            )
        return {linking.OWN_FILES: mode != "hardlink"}

    def _from_wheels(self, folder: Path) -> dict[str, object]:
        found = wheels.choose(self.dependencies, self.overrides, folder)
        try:
            wheels.build(self.folder, found)
        except EnvironmentFault:
            self.remove()
            raise
        return {linking.OWN_FILES: True, **wheels.receipt(self.dependencies, found)}

    def _uv(self, *arguments: str, say: Say) -> None:
        import uv

        command = [uv.find_uv_bin(), *arguments, *(["--offline"] if offline() else [])]
        environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "UV_PROJECT")}
        lines: list[str] = []
        with subprocess.Popen(  # the words are ours and the adapter's header's
            command,
            # not where the user stands: the uv settings of a project there are about that project
            cwd=self.folder.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            hung = threading.Timer(_BUILD_TIME_LIMIT, process.kill)
            hung.start()
            for line in process.stderr:
                lines.append(line.rstrip())
                say(line.strip())
            hung.cancel()
        if process.returncode:
            tail = "\n  ".join(lines[-15:])
            self.remove()
            hint = " (offline: build it once while connected)" if offline() else ""
            if "no usable wheels" in tail or "no-build" in tail:
                hint += (
                    " (a package has no wheel, and nothing is built from source: drop it with an override that never "
                )
                hint += "holds, or wait for a wheel)"
            raise EnvironmentFault(f"the environment of {self.family!r} could not be built{hint}:\n  {tail}")


def find(family: str) -> Environment:
    """The environment that the adapter's header describes.

    Its folder is named by a hash of all that goes into it, so that a changed pin is a new environment. Raises
    EnvironmentFault for an unknown family or a header without exact pins.
    """
    if family not in adapters.families():
        raise EnvironmentFault(
            f"the zoo has no adapter for family {family!r} yet; it has {', '.join(adapters.families())}"
        )
    return describe(adapters.FOLDER / f"{family}.py")


def describe(adapter: Path) -> Environment:
    """Read an adapter's PEP 723 header."""
    header = _header(adapter)
    settings = _table(_table(header, "tool"), "uv")
    dependencies, overrides = _texts(header.get("dependencies")), _texts(settings.get("override-dependencies", []))
    exclude_newer, requires_python = settings.get("exclude-newer"), str(header.get("requires-python"))
    faults = [fault for text in dependencies if (fault := _fault(text))]
    # an override may also drop a dependency: `name ; <a marker that never holds>`
    faults += [fault for text in overrides if (fault := _fault(text, may_drop=True))]
    if not isinstance(exclude_newer, str):
        faults.append("the header needs [tool.uv] exclude-newer, a date in quotation marks")
    try:
        SpecifierSet(requires_python)
    except InvalidSpecifier:
        faults.append(f"requires-python is {requires_python!r}, no specifier like '>=3.12'")
    if faults or not isinstance(exclude_newer, str):
        raise EnvironmentFault(f"{adapter.name}: {'; '.join(faults)}")
    places = _wheels_identity() or (_base_python(requires_python),)
    identity = json.dumps([header, platform.machine(), sys.platform, *places], default=str)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return Environment(
        family=adapter.stem,
        adapter=adapter,
        requires_python=requires_python,
        dependencies=dependencies,
        exclude_newer=exclude_newer,
        overrides=overrides,
        folder=_environments_dir() / f"{adapter.stem}-{'wheels-' if wheels_dir() else ''}{digest}",
        wheels=wheels_dir(),
    )


def _header(adapter: Path) -> dict[str, object]:
    """The header's table. Raises EnvironmentFault where there is none, or it cannot be read."""
    try:
        match = _HEADER.search(adapter.read_text(encoding="utf-8"))
        if match is None:
            raise EnvironmentFault(f"{adapter.name} has no '# /// script' header")
        return tomllib.loads(re.sub(r"^# ?", "", match["body"], flags=re.MULTILINE))
    except (OSError, ValueError, RecursionError) as error:  # no file, no UTF-8, no TOML
        told = one_line(str(error), limit=200)
        raise EnvironmentFault(f"{adapter.name}: its header cannot be read: {told}") from None


def _table(outer: dict[str, object], name: str) -> dict[str, object]:
    inner = outer.get(name)
    return inner if isinstance(inner, dict) else {}


def make_own(folder: Path) -> None:
    """Make the environment in `folder` share no file with uv's cache, for a worker that could write to it.

    Of what is no environment of ours, nothing is changed.
    """
    receipt = folder / RECEIPT
    if not receipt.is_file():
        return
    from filelock import FileLock

    with FileLock(f"{folder}.lock"):
        found: dict[str, object] = json.loads(receipt.read_text(encoding="utf-8"))
        if not found.get(linking.OWN_FILES):
            linking.copy_linked(folder)
            write_json(receipt, {**found, linking.OWN_FILES: True})


def _texts(listed: object) -> tuple[str, ...]:
    """A list's items as texts; anything else is one text, which is no requirement."""
    return tuple(map(str, listed)) if isinstance(listed, list) else (f"{listed!r}",)


def _fault(text: str, *, may_drop: bool = False) -> str | None:
    """What is wrong with a requirement; None for a package of the index at one exact version.

    It is read here before uv sees it: uv takes options, paths, addresses and archives in the same place.
    """
    if not text.isprintable():  # a line break would begin another line of a file that uv reads
        return f"{text!r} is not a requirement like 'name==1.0'"
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return f"{text!r} is not a requirement like 'name==1.0'"
    if requirement.url is not None:
        return f"{text!r} names a place; only packages of the index are installed, as wheels"
    if may_drop and not requirement.specifier and text.endswith(NEVER):
        return None
    pins = [pin for pin in requirement.specifier if pin.operator == "==" and not pin.version.endswith(".*")]
    return None if pins else f"every dependency needs '==' and one version, {text!r} has none"


def _wheels_identity() -> tuple[object, ...]:
    """What an environment from wheels is made of beside its header; empty for one from the registry."""
    folder = wheels_dir()
    if folder is None:
        return ()
    return platform.python_version(), list(map(str, wheels.base_folders())), wheels.listed(folder)


def _environments_dir() -> Path:
    return cache_dir() / "environments"


def _base_python(requires: str) -> str:
    """This interpreter's own base when it fits (it is known to run), else the requirement for uv to look for."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return str(base) if platform.python_version() in SpecifierSet(requires) else requires


def _size(folder: Path) -> dict[str, int]:
    """Apparent bytes, and bytes that no other environment shares (uv links its cache's files)."""
    apparent = own = 0
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            apparent += status.st_size
            own += status.st_size if status.st_nlink <= 2 else 0
    packages = sum(1 for _ in folder.glob("lib/python*/site-packages/*.dist-info"))
    return {"bytes": apparent, "bytes_own": own, "packages": packages}
