"""The probe: what a program can do inside, beside an accelerator too, and what is chosen after it."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from zoo import settings
from zoo.errors import SandboxUnavailable
from zoo.sandbox import choice, launch, probe


def test_the_probe_sees_every_harm_where_there_is_no_sandbox() -> None:
    told = str(probe.failure("none"))
    for harm in ("read a file outside", "write beside its program", "TCP", "UDP", "Unix", "variables", "signal"):
        assert harm in told


def test_a_sandbox_that_does_not_hold_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        launch, "_namespaces", lambda *_, **__: [sys.executable, "-c", "import os, sys; os.execv(*sys.argv[1:3])"]
    )
    monkeypatch.setattr(launch, "bwrap", lambda: "/bin/true")
    monkeypatch.setattr(probe, "_could", probe._could.__wrapped__)
    assert probe.failure.__wrapped__("bwrap") is not None


def test_a_sandbox_in_which_the_accelerator_does_not_start_is_none_for_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Models would compute on the CPU there, and say nothing."""
    monkeypatch.setattr(
        probe,
        "_could",
        lambda mode, *, gpu: (
            probe.MUST | (probe.FOR_A_GPU if gpu else set()) | ({probe.DRIVER} if mode == "none" else set())
        ),
    )
    monkeypatch.setattr(choice, "failure", probe.failure.__wrapped__)
    monkeypatch.setattr(choice, "bwrap", lambda: "/usr/bin/bwrap")
    choice._warn.cache_clear()
    assert choice.effective() == "bwrap"
    with caplog.at_level(logging.WARNING):
        assert choice.effective(gpu=True) == "none"
    assert "could not start CUDA's driver" in caplog.text
    monkeypatch.setenv("MLIP_ZOO_UNTRUSTED", "1")
    with pytest.raises(SandboxUnavailable, match="compute on the CPU"):
        choice.effective(gpu=True)


@pytest.fixture
def nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "unavailable", lambda mode, **_: f"{mode} is not here")
    choice._warn.cache_clear()


@pytest.mark.usefixtures("nothing_works")
def test_without_any_sandbox_one_warning_or_an_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("MLIP_ZOO_SANDBOX", raising=False)
    with caplog.at_level(logging.WARNING):
        assert [choice.effective(), choice.effective()] == ["none", "none"]
    (told,) = caplog.messages
    assert "bwrap is not here; landlock: landlock is not here" in told
    for asked in ("bwrap", "landlock"):
        monkeypatch.setenv("MLIP_ZOO_SANDBOX", asked)
        with pytest.raises(SandboxUnavailable, match=f"{asked} is not here"):
            choice.effective()
    monkeypatch.setenv("MLIP_ZOO_UNTRUSTED", "1")
    for asked in ("auto", "none"):
        monkeypatch.setenv("MLIP_ZOO_SANDBOX", asked)
        with pytest.raises(SandboxUnavailable):
            choice.effective()


def test_a_word_that_is_no_sandbox_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLIP_ZOO_SANDBOX", "firejail")
    with pytest.raises(SandboxUnavailable, match="auto, bwrap, landlock, none"):
        choice.effective()
    assert set(choice.CHOICES) == {"auto", *get_args(launch.Confinement)}
    assert settings.sandbox() == "firejail"


AS_CUDA_STARTS = """
import contextlib, errno, json, pathlib, socket, sys, threading

def said(act):
    try:
        act()
    except OSError as error:
        return errno.errorcode[error.errno]

unix, inet = socket.AF_UNIX, socket.AF_INET
found, waits = {}, threading.Event()
waiting = threading.Thread(target=waits.wait)
waiting.start()
with socket.socket(unix, socket.SOCK_SEQPACKET) as own, socket.socket(unix, socket.SOCK_STREAM) as other:
    own.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    found["bind"] = said(lambda: own.bind(chr(0) + sys.argv[1]))
    found["listen"] = said(own.listen)
    found["accept"] = said(own.accept)
    found["connect"] = said(lambda: other.connect(sys.argv[2]))
    found["connect, no place"] = said(lambda: other.connect(chr(0) + sys.argv[1] + "-host"))
found["datagrams"] = said(lambda: socket.socket(unix, socket.SOCK_DGRAM))
found["tcp"] = said(lambda: socket.socket(inet, socket.SOCK_STREAM))
for name, path in {"main": "self/comm", "thread": f"self/task/{waiting.native_id}/comm"}.items():
    found[f"name of the {name}"] = said(lambda: pathlib.Path("/proc", path).write_text("cuda"))
for path in ("devices", "sys/vm/mmap_min_addr"):
    found[path] = said(pathlib.Path("/proc", path).read_text)
found["settings"] = said(lambda: open("/proc/sys/vm/swappiness", "w"))
waits.set()
print(json.dumps({what: error for what, error in found.items() if error}))
"""


def test_beside_an_accelerator_a_program_may_do_what_cudas_driver_starts_with(
    mode: launch.Confinement, tmp_path: Path
) -> None:
    """It names its threads and listens on a socket without a place, and fails where one of these is refused."""
    program, place, name = tmp_path / "starts.py", str(tmp_path / "s"), f"mlip-zoo-test-{os.getpid()}"
    program.write_text(AS_CUDA_STARTS)
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as abstract:
        for here, where in ((listening, place), (abstract, f"\0{name}-host")):
            here.bind(where)
            here.listen()
        started = launch.launch(
            mode=mode, python=Path(sys.executable), program=program, arguments=[name, place], read=[tmp_path], gpu=True
        )
        done = subprocess.run(started.command, env=started.environment, capture_output=True, text=True, check=False)
    refused = json.loads(done.stdout or "null"), done.stderr
    assert refused[0].pop("settings") in ("EROFS", "EACCES")
    assert refused[0] == dict.fromkeys(("accept", "connect", "connect, no place", "datagrams", "tcp"), "EPERM"), refused
    assert probe.failure(mode, gpu=True) is None
