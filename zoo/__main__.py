"""`mlip-zoo` and `python -m zoo`: the command, after a look at whose packages are about to be imported."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from zoo._guard import PACKAGES, require_ours
from zoo.errors import ShadowedPackage


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would read every distribution's metadata for them
    try:
        require_ours(*PACKAGES)
    except ShadowedPackage as error:
        sys.exit(f"ShadowedPackage: {error}")
    # After the check, because `zoo.command` imports the three packages by name
    import_module("zoo.command").main()


if __name__ == "__main__":
    main()
