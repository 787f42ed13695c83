"""What tests of space groups need."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

# in CI, where all is required, they run and fail
needs_moyopy = pytest.mark.skipif(
    find_spec("moyopy") is None and not os.environ.get("MLIP_ZOO_REQUIRE_ALL"), reason="not installed: moyopy"
)
