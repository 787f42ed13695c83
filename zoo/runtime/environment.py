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

from packaging.specifiers import SpecifierSet

from zoo import adapters
from zoo.errors import EnvironmentFault
from zoo.files import write_json
from zoo.progress import Say
from zoo.settings import cache_dir, offline

_HEADER = re.compile(r"^# /// script\n(?P<body>(?:#.*\n)+?)# ///$", re.MULTILINE)
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

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def ready(self) -> bool:
        return self._receipt.is_file() and self.python.exists()

    @property
    def _receipt(self) -> Path:
        return self.folder / "mlip-zoo.json"

    def report(self) -> dict[str, object] | None:
        """What building it took: seconds, bytes on disk, number of packages; None when it is not built."""
        found: dict[str, object] = json.loads(self._receipt.read_text()) if self.ready else {}
        return found or None

    def ensure(self, *, say: Say | None = None) -> None:
        """Build the environment when it is not there. Safe to call from several processes at once.

        Raises EnvironmentFault with uv's own words when it cannot be built.
        """
        if self.ready:
            return
        from filelock import FileLock

        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.folder}.lock"):
            if not self.ready:
                self._build(say or (lambda _: None))

    def remove(self) -> None:
        """Delete the environment; the packages stay in uv's cache."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _build(self, say: Say) -> None:
        self.remove()  # what is there without a receipt is the remains of a killed build
        started = time.monotonic()
        say(f"building the environment of {self.family}")
        self._uv("venv", "--no-project", "--python", _base_python(self.requires_python), str(self.folder), say=say)
        with tempfile.TemporaryDirectory() as scratch:
            overrides = Path(scratch) / "overrides.txt"
            overrides.write_text("\n".join(self.overrides), encoding="utf-8")
            self._uv(
                *("pip", "install", "--python", str(self.python), "--exclude-newer", self.exclude_newer),
                *("--override", str(overrides)),
                *self.dependencies,
                say=say,
            )
        write_json(
            self._receipt,
            {
                "family": self.family,
                "dependencies": list(self.dependencies),
                "overrides": list(self.overrides),
                "exclude_newer": self.exclude_newer,
                "seconds": round(time.monotonic() - started, 1),
                **_size(self.folder),
            },
        )

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
    match = _HEADER.search(adapter.read_text(encoding="utf-8"))
    if match is None:
        raise EnvironmentFault(f"{adapter.name} has no '# /// script' header")
    header = tomllib.loads(re.sub(r"^# ?", "", match["body"], flags=re.MULTILINE))
    settings = header.get("tool", {}).get("uv", {})
    # an override may also drop a dependency: `name ; <a marker that never holds>`
    overrides = settings.get("override-dependencies", [])
    wanted = [*header["dependencies"], *(item for item in overrides if NEVER not in item)]
    loose = [item for item in wanted if "==" not in item.partition(";")[0] and " @ " not in item]
    exclude_newer = settings.get("exclude-newer")
    if loose or not exclude_newer:
        raise EnvironmentFault(
            f"{adapter.name}: every dependency needs '==' and the header needs [tool.uv] exclude-newer; loose: {loose}"
        )
    identity = json.dumps([header, platform.machine(), sys.platform, _base_python(header["requires-python"])])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return Environment(
        family=adapter.stem,
        adapter=adapter,
        requires_python=header["requires-python"],
        dependencies=tuple(header["dependencies"]),
        exclude_newer=exclude_newer,
        overrides=tuple(overrides),
        folder=_environments_dir() / f"{adapter.stem}-{digest}",
    )


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
