"""The person's file of pins: what it may hold, and that processes which write it lose nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.pinned import DATA, pinned
from zoo.cards.checkpoint import Checkpoint, HubFile, HubSource, Safetensors, UrlSource
from zoo.checkpoints import user_pins
from zoo.checkpoints.user_pins import UserPin
from zoo.errors import PinsError

COMMIT = "0123456789" * 4
URL = UrlSource(url="https://example.org/model.pt")
VALID = f"""version: 1
pins:
  toy:
    place: {{hub: lab/model, file: weights.pt}}
    revision: '{COMMIT}'
    upstream_format: torch-pickle
    files:
      upstream: {{sha256: '{"0" * 64}', bytes: 7}}
    day: '2026-11-27'
"""


def entry(data: bytes = DATA) -> UserPin:
    found = Checkpoint(upstream=pinned(data, URL), upstream_format="torch-pickle")
    return UserPin.of(found, URL, day="2026-11-27")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "pins.yaml"
    place = HubFile(hub="lab/model", file="model.safetensors", config="config.json")
    parts = {
        role: pinned(data, HubSource(hub="lab/model", revision=COMMIT, file=file))
        for role, data, file in (("weights", b"w", "model.safetensors"), ("config", b"c", "config.json"))
    }
    both = Checkpoint(safetensors=Safetensors(weights=parts["weights"], config=parts["config"]))
    user_pins.add(path, "both", UserPin.of(both, place, day="2026-11-27"))
    user_pins.add(path, "address", entry())
    assert list(user_pins.read(path)) == ["address", "both"]
    for name, checkpoint in (("address", entry().checkpoint()), ("both", both)):
        got = user_pins.read(path)[name].checkpoint()
        assert (got.upstream, got.safetensors) == (checkpoint.upstream, checkpoint.safetensors)
        assert got.pinned_by == "user"
    assert user_pins.add(path, "address", entry(b"other")) == entry()  # the first one stays
    assert user_pins.remove(path, "address") == entry()
    assert list(user_pins.read(path)) == ["both"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "pins.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    user_pins.add(tmp_path / "pins.yaml", "toy", entry())
    assert (tmp_path / "pins.yaml").is_symlink()
    assert list(user_pins.read(tmp_path / "elsewhere.yaml")) == ["toy"]


def test_the_valid_file_is_valid(tmp_path: Path) -> None:
    (tmp_path / "pins.yaml").write_text(VALID)
    assert user_pins.read(tmp_path / "pins.yaml")["toy"].revision == COMMIT


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("version: 1", "version: 2"),
        ("  toy:", "  ../toy:"),
        ("version: 1", "version: 1\nmore: 1"),
        ("    day:", "    more: 1\n    day:"),
        ("lab/model", "lab/model/../../other"),
        ("weights.pt", "../weights.pt"),
        (f"    revision: '{COMMIT}'\n", ""),
        (COMMIT, "main"),
        ("{hub: lab/model, file: weights.pt}", "{page: https://example.org}"),
        ("{hub: lab/model, file: weights.pt}", "{url: https://example.org/weights.pt}"),
        ("{hub: lab/model, file: weights.pt}", "{url: http://example.org/weights.pt}"),
        ("file: weights.pt}", "file: weights.pt, config: config.json}"),
        ("upstream: {", "weights: {"),
        ("    upstream_format: torch-pickle\n", ""),
        ("torch-pickle", "executable"),
        ("bytes: 7", "bytes: 0"),
        ("bytes: 7", "bytes: 1e3"),
        ("0" * 64, "0" * 63),
        ("2026-11-27", "yesterday"),
        ("version: 1", "version: 1 # \x1b[2J"),
        ("version: 1", "version: 1 # \u202e"),
        ("lab/model,", "&a lab/model, revision: *a,"),
        ("version: 1", "version: 1\nversion: 1"),
        ("files:", "files: " + "[" * 30_000),
        ("version: 1", "# " + "x" * (1 << 20) + "\nversion: 1"),
        ("version: 1", "- 1"),
    ],
)
def test_anything_else_is_refused_with_the_file_and_the_reason(tmp_path: Path, before: str, after: str) -> None:
    assert before in VALID
    path = tmp_path / "pins.yaml"
    path.write_text(VALID.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(PinsError, match="is not a file of pins") as caught:
        user_pins.read(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 2000
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_opened(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "pins.yaml")
    with pytest.raises(PinsError, match="is not a file"):
        user_pins.read(tmp_path / "pins.yaml")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pins.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(PinsError, match="UTF-8"):
        user_pins.read(tmp_path / "pins.yaml")


ADDS = """
import sys
from pathlib import Path
from zoo.checkpoints import user_pins
path, who = Path(sys.argv[1]), sys.argv[2]
entry = user_pins.read(path)["first"]
sys.stdin.readline()
for number in range(15):
    user_pins.add(path, f"{who}-{number}", entry)
"""


def test_processes_that_pin_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pins.yaml"
    user_pins.add(path, "first", entry())
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", ADDS, str(path), who],
            stdin=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for who in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.close()
    assert [writer.wait(timeout=300) for writer in writers] == [0, 0]
    assert len(user_pins.read(path)) == 31
