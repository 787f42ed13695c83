"""Protocols are frozen: a field more, less or renamed would make every published result stale."""

from __future__ import annotations

import pytest

from evaluation import task
from evaluation.protocol import protocol_sha256, read_protocol

HASHES = {
    "constraints": "1bdb91c5bb0d911b87988d6b08a90ba6226fd0bd2153168355a53fec33da2414",
    "descent": "5cbee82b5f76ef8a0392040d4d2434edd912be3ed4a0997bcc4a4539e1c6078d",
    "diatomics": "791814e9a0715a9ea99bd4e8d8c954b9c3f33b7f5854c4e5729bff796b325a20",
    "discovery": "f50b50e03eb5e743fa2b7d28007ed186f91d2c3f532a5edca96dcfbf50b3c2e8",
    "elasticity": "553a492eedbd765eb1d824d47477be7172a0cbf4ac583aa5b16c3baa799799e4",
    "eos": "9d7eeb6bea83cfb8ea9b8ab8f7ad71e7b1117ba42773c8dd359e66628dc9f23e",
    "forces": "86f553d9d5403380ec7667f9db249ee5040e2779cf75e3ffb4a50283cd4dcb65",
    "formation": "c94994660fb3393e04c2b50f1488f79b32280b60f103ac7fea32d2c4a83e8748",
    "kappa": "876e767b2e6a44d0f4cbd2553d59ff36211a26ba1030fadf490014dbc9b58635",
    "ladder": "283949d709b58ad8487a21684daac9009e74cd72e05c2c848723e5a8b9180781",
    "orientation": "085a72da0acb1fb0b85d2d88394cdce641004e9530de697dedf3d4f516962894",
    "phonons": "cc8688235cb8fc1ff844cc5faf7064706521816ac9ebb3c57c4e1f3e0e0cdabf",
    "pressure": "84d41aff2e41ef5c9a0c6e2df9eed98ac626e300dfd5034e19f553ca807713a1",
    "relaxation": "4fb77cf4e85fd402018e0aecd2ef63b0569f9e6f0a21dcfce0002b6083d5df5d",
    "speed": "867a58fcba03287ce6b10b07ef7fbaedb603d414e45ca7da3d3d153a2cee3658",
    "symmetry": "33854b28e01f6667dc39af361ac3f0419fe3d577502b10c74bea23bb189b0a10",
}


OLDER = {
    ("phonons", 1): "80d09611ec152ac7eb8fda7927a5031bba24333d60dbedc5154f58be00bcf5ef",
    ("forces", 1): "8c47a5cecb67074e6c7de2ab8e9ca318f002da864b5ab4f3f6d4f7bd690bfd85",
    ("kappa", 1): "d11b36e6c269239a108e620e4aa8c8b07db8fa7ef2559edc364df2c2aab190b3",
    ("relaxation", 1): "23bb6a1c01973bd229f985f5d1440749bc0b2815d018771eb51babe51c9b9b28",
}


@pytest.mark.parametrize(("name", "version"), OLDER)
def test_an_older_version_stays_what_it_was(name: str, version: int) -> None:
    kind = type(task.load(name).protocol)
    assert protocol_sha256(read_protocol(name, kind, version=version)) == OLDER[name, version]


def test_every_task_has_its_hash_here() -> None:
    assert sorted(HASHES) == task.names()


@pytest.mark.parametrize("name", HASHES)
def test_a_protocol_is_what_it_was_when_results_were_made(name: str) -> None:
    assert protocol_sha256(task.load(name).protocol) == HASHES[name]
