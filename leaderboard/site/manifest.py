"""Manifest: the files of a built site with their hashes, so that the next build takes over what it need not make again.

It stands in the site itself, in `.mlip-zoo-site`, and has no path of the machine that built it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.files import json_text, sha256

NAME = ".mlip-zoo-site"
"""A folder with this file was made by `mlip-zoo site build`, which may replace it."""

Made = Mapping[str, str | bytes]
"""Path in the site → content."""


@dataclass(frozen=True)
class Former:
    """What an earlier build left; nothing where there is no site, or one without a readable manifest."""

    folder: Path | None = None
    told: Mapping[str, Any] = field(default_factory=dict)

    def is_made_from(self, inputs: str) -> bool:
        """Whether the whole site was made from these inputs, and nobody has touched a file of it since."""
        if self.folder is None or self.told.get("inputs") != inputs:
            return False
        there = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}
        files: dict[str, str] = self.told["files"]
        return there == {*files, NAME} and all(sha256(self.folder / name) == files[name] for name in files)

    def group(self, name: str, inputs: str) -> dict[str, bytes] | None:
        """Files of a group that were made from these inputs; None where there are none, or one of them was changed."""
        known = self.told.get("groups", {}).get(name)
        if self.folder is None or known is None or known["inputs"] != inputs:
            return None
        found = {}
        for file in known["files"]:
            path = self.folder / file
            data = path.read_bytes() if path.is_file() else b""
            if hashlib.sha256(data).hexdigest() != self.told["files"].get(file):
                return None
            found[file] = data
        return found


def former(folder: Path) -> Former:
    """The site in a folder. A manifest that cannot be read is none."""
    try:
        told = json.loads((folder / NAME).read_bytes())
        if not all(isinstance(told[name], dict) for name in ("files", "groups")):
            return Former()
    except (OSError, ValueError, KeyError, TypeError):
        return Former()
    return Former(folder, told)


@dataclass
class Files:
    """The files of a site while it is made."""

    former: Former = field(default_factory=Former)
    found: dict[str, bytes] = field(default_factory=dict)
    groups: dict[str, dict[str, object]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    """Names of the groups that were made anew."""

    def add(self, made: Made) -> None:
        """Files that are made in every build."""
        self.found |= {name: data.encode() if isinstance(data, str) else data for name, data in made.items()}

    def add_group(self, name: str, inputs: str, make: Callable[[], Made]) -> None:
        """Files that belong together: those of the former site, where they were made from the same inputs."""
        known: Made | None = self.former.group(name, inputs)
        if known is None:
            known = make()
            self.made.append(name)
        self.add(known)
        self.groups[name] = {"inputs": inputs, "files": sorted(known)}

    def manifest(self, inputs: str | None) -> str:
        """The text of the file NAME; without `inputs` the next build takes over nothing."""
        return json_text(
            {
                "made_by": "'mlip-zoo site build', which may replace this folder",
                "inputs": inputs,
                "groups": self.groups if inputs else {},
                "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(self.found.items())},
            }
        )
