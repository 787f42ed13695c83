"""Settings: the environment variables that mlip-zoo reads, one function each. No other module reads one of them.

A variable is read when its function is called, so that a program may set it after the import. An empty variable counts
as one that is not set.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ON = frozenset({"1", "true", "yes", "on"})
"""What switches a switch on, in any case; everything else leaves it off."""


@dataclass(frozen=True)
class Variable:
    """An environment variable, for a table of them."""

    name: str
    meaning: str
    """One sentence in Markdown."""
    default: str
    """What holds where the variable is not set, in words."""

    def text(self) -> str | None:
        """Its value without surrounding blanks; None when it is not set or empty."""
        return os.environ.get(self.name, "").strip() or None

    def on(self) -> bool:
        """Whether it is set to one of `ON`."""
        return (self.text() or "").lower() in ON


CACHE = Variable(
    "MLIP_ZOO_CACHE",
    "Folder of checkpoints, reference data and the families' environments (gigabytes); made where it is missing.",
    "`mlip-zoo` in the user's cache folder (`~/.cache` on Linux, `~/Library/Caches` on macOS)",
)
MIRROR = Variable(
    "MLIP_ZOO_MIRROR",
    f"Folders of files named by their SHA-256, separated by `{os.pathsep}`, that are asked before any network; "
    "`mlip-zoo fetch NAME --mirror DIR` and `mlip-zoo datasets --mirror DIR` fill one.",
    "no mirror",
)
OFFLINE = Variable(
    "MLIP_ZOO_OFFLINE",
    "`1` (or `true`, `yes`, `on`) keeps mlip-zoo off the network: cache and mirrors only.",
    "off",
)
CARDS = Variable(
    "MLIP_ZOO_CARDS",
    "Folder of model cards to use instead of those that ship, for cards of your own.",
    "the cards of this installation",
)
PINS = Variable(
    "MLIP_ZOO_PINS",
    "File of your pins: revision and hash of the checkpoints whose cards pin none, written when each is first loaded. "
    "A project that keeps its own beside its code names it here.",
    "`mlip-zoo/pins.yaml` in the user's configuration folder (`$XDG_CONFIG_HOME` or `~/.config` on Linux)",
)
PINNED_ONLY = Variable(
    "MLIP_ZOO_PINNED_ONLY",
    "`1` (or `true`, `yes`, `on`) pins nothing on first use: what neither its card nor your pins know is refused.",
    "off",
)
DEBUG = Variable(
    "MLIP_ZOO_DEBUG",
    "`1` (or `true`, `yes`, `on`) makes the command show the whole traceback of an error instead of its message.",
    "off",
)
SANDBOX = Variable(
    "MLIP_ZOO_SANDBOX",
    "What models run in: `bwrap` (bubblewrap), `landlock`, `none`, or `auto`, the first that proves itself here.",
    "`auto`",
)
UNTRUSTED = Variable(
    "MLIP_ZOO_UNTRUSTED",
    "`1` (or `true`, `yes`, `on`) runs no model where there is no sandbox: an error instead of a warning.",
    "off",
)
WHEELS = Variable(
    "MLIP_ZOO_WHEELS",
    "Folder of wheels from which environments are built where no registry is reached; what it lacks, as torch, is "
    "taken from the interpreter that runs mlip-zoo. The versions then need not be the pinned ones: results list them.",
    "environments from the registry, at the adapters' pins",
)
COMMIT = Variable(
    "MLIP_ZOO_COMMIT",
    "Commit that this code was copied from, where it runs outside a git checkout: results name it as theirs.",
    "none: such results name no commit",
)
HUB_OFFLINE = Variable("HF_HUB_OFFLINE", "Same as `MLIP_ZOO_OFFLINE`; huggingface_hub reads it too.", "off")
HUB_ENDPOINT = Variable(
    "HF_ENDPOINT", "Address of the Hugging Face Hub; huggingface_hub reads it too.", "the public Hub"
)

SOLVER_CORES = Variable(
    "MLIP_ZOO_SOLVER_CORES",
    "Cores for the solvers of one evaluation (thermal conductivity). Executors give each worker its part of all cores.",
    "all that the process may use",
)
VARIABLES = (
    CACHE,
    MIRROR,
    OFFLINE,
    CARDS,
    PINS,
    PINNED_ONLY,
    DEBUG,
    SANDBOX,
    UNTRUSTED,
    WHEELS,
    COMMIT,
    SOLVER_CORES,
    HUB_OFFLINE,
    HUB_ENDPOINT,
)


def cache_dir() -> Path:
    """The folder of `MLIP_ZOO_CACHE`, or `mlip-zoo` in the user's cache folder; absolute, and it need not exist."""
    import platformdirs

    given = CACHE.text()
    return _folder(given) if given else platformdirs.user_cache_path("mlip-zoo", appauthor=False)


def mirror_dirs() -> tuple[Path, ...]:
    """The folders of `MLIP_ZOO_MIRROR`, separated like those of PATH; absolute, and they need not exist."""
    return tuple(_folder(folder) for folder in (MIRROR.text() or "").split(os.pathsep) if folder)


def offline() -> bool:
    """Whether `MLIP_ZOO_OFFLINE` or `HF_HUB_OFFLINE` switches the network off."""
    return offline_switch() is not None


def offline_switch() -> str | None:
    """The name of the variable that switches the network off; None when none does."""
    return next((switch.name for switch in (OFFLINE, HUB_OFFLINE) if switch.on()), None)


def cards_dir() -> Path:
    """The folder of `MLIP_ZOO_CARDS`, the wheel's `zoo/_cards`, or `model_cards` of a checkout."""
    if given := CARDS.text():
        return _folder(given)
    package = Path(__file__).parent
    shipped = package / "_cards"
    return shipped if shipped.is_dir() else package.parent / "model_cards"


def pins_file() -> Path:
    """The file of `MLIP_ZOO_PINS`, or `mlip-zoo/pins.yaml` in the user's configuration folder; it need not exist."""
    import platformdirs

    given = PINS.text()
    return _folder(given) if given else platformdirs.user_config_path("mlip-zoo", appauthor=False) / "pins.yaml"


def pinned_only() -> bool:
    """Whether `MLIP_ZOO_PINNED_ONLY` keeps checkpoints from being pinned when they are first loaded."""
    return PINNED_ONLY.on()


def commit() -> str | None:
    """The commit of `MLIP_ZOO_COMMIT`; None when it is not set."""
    return COMMIT.text()


def debug() -> bool:
    """Whether `MLIP_ZOO_DEBUG` asks for tracebacks instead of messages."""
    return DEBUG.on()


def sandbox() -> str:
    """The word in `MLIP_ZOO_SANDBOX`, or `auto`; whoever asks checks that it is one of the modes."""
    return SANDBOX.text() or "auto"


def untrusted() -> bool:
    """Whether `MLIP_ZOO_UNTRUSTED` asks for a sandbox or nothing."""
    return UNTRUSTED.on()


def wheels_dir() -> Path | None:
    """The folder of `MLIP_ZOO_WHEELS`, absolute; None where environments come from the registry."""
    given = WHEELS.text()
    return _folder(given) if given else None


def solver_cores() -> int:
    """How many cores solvers may use: `MLIP_ZOO_SOLVER_CORES`, or all that this process may use."""
    asked = SOLVER_CORES.text() or ""
    return int(asked) if asked.isdecimal() and int(asked) else len(os.sched_getaffinity(0))


def use(variable: Variable, value: str) -> None:
    """Set a variable for this process and those that it starts, as an option of the command does."""
    os.environ[variable.name] = value


def hub_endpoint() -> str | None:
    """The address in `HF_ENDPOINT`, without a slash at its end; None for the public Hub."""
    return (HUB_ENDPOINT.text() or "").rstrip("/") or None


def table() -> str:
    """All variables as a Markdown table, for the README."""
    rows = [f"| `{variable.name}` | {variable.meaning} | {variable.default} |" for variable in VARIABLES]
    return "\n".join(["| variable | what it sets | without it |", "| --- | --- | --- |", *rows])


def _folder(given: str) -> Path:
    return Path(given).expanduser().absolute()
