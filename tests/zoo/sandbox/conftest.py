"""Each sandbox of this machine."""

from __future__ import annotations

import os

import pytest

from zoo.sandbox import choice, launch


@pytest.fixture(params=["bwrap", "landlock"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> launch.Confinement:
    """Each sandbox of this machine; in CI both are there."""
    if reason := choice.unavailable(request.param):
        (pytest.fail if os.environ.get("MLIP_ZOO_REQUIRE_ALL") else pytest.skip)(reason)
    monkeypatch.setenv("MLIP_ZOO_SANDBOX", request.param)
    chosen: launch.Confinement = request.param
    return chosen
