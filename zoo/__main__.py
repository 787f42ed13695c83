"""`mlip-zoo` and `python -m zoo`: the command, after a look at whose packages are about to be imported."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module

from zoo._guard import PACKAGES, require_ours
from zoo.errors import ShadowedPackage


def main() -> None:
    """Run the command line."""
    gc.set_threshold(50_000)  # Python looks for cycles after every 700 objects, which takes a tenth of the start
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would read every distribution's metadata for them
    try:
        require_ours(*PACKAGES)
    except ShadowedPackage as error:
        sys.exit(f"ShadowedPackage: {error}")
    # After the check, because `zoo.command` imports the three packages by name
    import_module("zoo.command").main()


if __name__ == "__main__":
    main()
