# /// script
# requires-python = ">=3.12"
# dependencies = ["numpy==2.5.4", "safetensors==0.8.0"]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""A model that does not load, on a machine whose torch sees no GPU: with many lines of everything."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

sys.modules["torch"] = SimpleNamespace(  # type: ignore[assignment]
    cuda=SimpleNamespace(is_available=lambda: False, is_initialized=lambda: False, device_count=lambda: 0)
)


def load(files: Any, **mode: Any) -> Any:
    print("loading\n" * 800, file=sys.stderr)
    return deep(50)


def deep(levels: int) -> Any:
    if levels:
        return deep(levels - 1)
    raise RuntimeError("Error(s) in loading state_dict:\n" + "\n".join(f"\tmissing key {n}" for n in range(800)))
