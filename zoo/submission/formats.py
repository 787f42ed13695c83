"""Formats of the authors' files, told by their first bytes and, in a zip archive, by its names; nothing is opened."""

from __future__ import annotations

import zipfile
from pathlib import Path

from zoo.errors import CardError

_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def infer(path: Path) -> str:
    """The card's `upstream_format` of a file. Raises CardError where it does not show: then it has to be told."""
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()[:100_000]
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise CardError(f"{path.name}: a damaged zip archive: {error}") from None
        if any(name.endswith("/saved_model.pb") or name == "saved_model.pb" for name in names):
            return "tensorflow-archive"
        if any(name.endswith("/.data/extern_modules") for name in names):  # other files of torch have .data/ as well
            return "torch-package"
        if any(name.endswith("constants.pkl") for name in names) and any("/code/" in name for name in names):
            return "torchscript"
        if any(name.endswith("data.pkl") for name in names):
            return "torch-pickle"
    if start.startswith(_PICKLE):
        return "torch-pickle"
    if start.lstrip().startswith(b"{") and b"\n" in start:
        return "nqx"
    raise CardError(f"{path.name}: its bytes do not show what format it is; say so with --format")
