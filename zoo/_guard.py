"""Guard: other distributions have packages named `evaluation` too; an error before one is imported as ours."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from zoo.errors import ShadowedPackage

PACKAGES = ("zoo", "evaluation", "leaderboard")
"""Our packages; siblings in one folder, whether that is site-packages or a checkout."""


def require_ours(*packages: str) -> None:
    """Raise ShadowedPackage if importing one of `packages` would not bring ours; nothing is imported to find out."""
    ours = Path(__file__).resolve().parent.parent
    for package in packages:
        found = _location(package)
        if found != ours / package / "__init__.py":
            raise ShadowedPackage(_explain(package, found, ours))


def _location(package: str) -> Path | None:
    """What `import package` would read: a file, or a folder without `__init__.py`; None when there is nothing."""
    spec = find_spec(package)
    if spec is None:
        return None
    where = spec.origin or next(iter(spec.submodule_search_locations or ()), None)
    return Path(where).resolve() if where else None


def _explain(package: str, found: Path | None, ours: Path) -> str:
    if found is None:
        return f"mlip-zoo's package {package!r} is missing from {ours}; install mlip-zoo again"
    folder = found.parent.parent if found.name == "__init__.py" else found.parent
    advice = (
        "Start Python in another folder"
        if folder == Path.cwd()
        else f"Uninstall the package it belongs to, take {folder} off PYTHONPATH, or give mlip-zoo its own environment"
    )
    return f"{found} would be imported as {package!r} in place of mlip-zoo's own {ours / package}. {advice}."
