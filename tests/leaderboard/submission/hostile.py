"""Hostile submissions: what each does to a fork, the lane that stops it, and what the lane says."""

from __future__ import annotations

import json
import os
import pickle
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from tests.adapters import ions
from tests.leaderboard.submission.lanes import ADAPTERS, CARD, DEPTHS, OTHERS, Lanes
from tests.pinned import pinned
from tests.zoo.sandbox.test_sandbox import DAEMON, Payload
from zoo import example_crystals
from zoo.cards.authors import Authors, write
from zoo.checks.authors import summary

Make = Callable[["Stage", Path], None]
ESCAPE = "../../../etc/passwd"
MARKUP = "<script>window.pwned</script>"
MARKER = f"daemon-lane-{os.getpid()}"
FORKS = """
import os
for _ in range(100):
    if os.fork() == 0:
        os.execv("/bin/sleep", ["sleep", "3600", marker])
outcome = 1
"""
FILLS = "import os; [open(os.environ['TMPDIR'] + f'/{n}', 'wb').write(bytes(1 << 20)) for n in range(99)]"


@dataclass
class Stage:
    """What the submissions meet."""

    lanes: Lanes
    folder: Path
    port: int
    """On which this machine listens, and nobody may connect."""

    def card(
        self,
        fork: Path,
        name: str = "ions-2",
        *,
        title: str = "Ions, the second",
        depths: tuple[float, ...] = OTHERS,
        data: bytes | None = None,
    ) -> Path:
        """A card of the family `ions`, with the authors' answers, its adapter, and a checkpoint in the mirror."""
        path = fork / "model_cards" / f"{name}.md"
        file = self.lanes.mirrored(data or json.dumps({"depths": depths}).encode() + b"\n")
        path.write_text(CARD.format(title=title, file=file))
        (fork / "zoo" / "adapters" / "ions.py").write_bytes((ADAPTERS / "ions.py").read_bytes())
        self.answers(path, file.sha256, depths)
        return path

    def answers(self, path: Path, sha256: str, depths: tuple[float, ...] = OTHERS) -> None:
        """The answers of a calculator that computes as `tests.adapters.ions` does now."""
        found = {
            name: summary(*ions.answer(example_crystals.distorted(name), np.array(depths)))
            for name in ("mgo-rocksalt", "nacl-rocksalt")
        }
        fields = {
            "day": "2026-11-27",
            "mode": "conservative",
            "checkpoint_sha256": sha256,
            "script_sha256": "1" * 64,
            "python": "3.12.7",
            "packages": {"ase": "3.29.0"},
            "answers": found,
        }
        write(path, Authors.model_validate(fields), b"# the authors' own\n")


def card(**changes: str) -> Make:
    """A second model whose card differs: field → what stands there instead, or is added."""

    def make(stage: Stage, fork: Path) -> None:
        path = stage.card(fork)
        text = path.read_text()
        for field, value in changes.items():
            line = rf"(?m)^( *){field}: .*$"
            text = re.sub(line, lambda found, new=value: found[1] + new, text) if re.search(line, text) else text  # type: ignore[misc]
            text = text if value in text else text.replace("checkpoint:\n", f"{value}\ncheckpoint:\n")
        path.write_text(text)

    return make


def named(name: str, title: str) -> Make:
    def make(stage: Stage, fork: Path) -> None:
        stage.card(fork, name, title=title)

    return make


def place(source: str) -> Make:
    return card(upstream=f'upstream: {{sha256: "{"2" * 64}", bytes: 9, sources: [{{{source}}}]}}')


def file(path: str, content: str = "{}") -> Make:
    def make(stage: Stage, fork: Path) -> None:
        stage.card(fork)
        (fork / path).parent.mkdir(parents=True, exist_ok=True)
        (fork / path).write_text(content)

    return make


def opens(source: str) -> Make:
    """A checkpoint that runs `source` when its adapter opens it."""

    def make(stage: Stage, fork: Path) -> None:
        mine = fork / "zoo" / "adapters" / "opens.py"
        names = {"folder": str(stage.folder), "mine": str(mine), "port": stage.port, "marker": MARKER}
        path = stage.card(fork, "opens-1", title="Opens", data=pickle.dumps(Payload(source, **names)))
        path.write_text(path.read_text().replace("family: ions", "family: opens").replace("nqx", "torch-pickle"))
        mine.write_bytes((ADAPTERS / "hostile.py").read_bytes())

    return make


def adapter(before: str, after: str, *, own: bool = False) -> Make:
    """A family of its own, whose adapter differs; `own`: its canary is what that adapter says."""

    def make(stage: Stage, fork: Path) -> None:
        path = stage.card(fork, "other-1", title="Other")
        path.write_text(path.read_text().replace("family: ions", "family: other"))
        text = (ADAPTERS / "ions.py").read_text()
        assert before in text
        (fork / "zoo" / "adapters" / "other.py").write_text(text.replace(before, after))
        if own:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(ions, "STEP", -1)
                stage.answers(path, pinned(json.dumps({"depths": OTHERS}).encode() + b"\n").sha256)

    return make


def source_distribution(stage: Stage, fork: Path) -> None:
    """A package that has no wheel, and writes when it is built."""
    shelf = stage.folder / "shelf"
    shelf.mkdir(exist_ok=True)
    backend = f"from pathlib import Path\nPath({str(stage.folder / 'written')!r}).touch()\n"
    project = '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n[project]\nname = "evil"\n'
    files = {"pyproject.toml": project + 'version = "1.0"\n', "b.py": backend}
    files["PKG-INFO"] = "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n"
    with tarfile.open(shelf / "evil-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"evil-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, BytesIO(text.encode()))
    adapter('"ase==3.29.0"', '"evil==1.0", "ase==3.29.0"')(stage, fork)


def other_bytes(stage: Stage, fork: Path) -> None:
    path = stage.card(fork)
    lie = "3" * 64
    (stage.lanes.mirror / lie).write_bytes(b"{}")
    text = re.sub('sha256: "[0-9a-f]{64}"', f'sha256: "{lie}"', path.read_text())
    path.write_text(text.replace("https://example.org/depths.json", "http://127.0.0.1:1/x"))
    stage.answers(path, lie)


def another_size(stage: Stage, fork: Path) -> None:
    path = stage.card(fork)
    text = re.sub("bytes: [0-9]+", "bytes: 1", path.read_text())
    path.write_text(text.replace("https://example.org/depths.json", "http://127.0.0.1:1/x"))


def linked_mirror(stage: Stage, fork: Path) -> None:
    """A mirror's file that is a link to somebody's secret."""
    other_bytes(stage, fork)
    (stage.lanes.mirror / ("3" * 64)).unlink()
    (stage.lanes.mirror / ("3" * 64)).symlink_to(stage.folder / "token")


def same_file(stage: Stage, fork: Path) -> None:
    stage.card(fork, depths=DEPTHS)


def another_checkpoints_answers(stage: Stage, fork: Path) -> None:
    path = stage.card(fork)
    stage.answers(path, "4" * 64)


def linked_card(stage: Stage, fork: Path) -> None:
    (fork / "model_cards" / "ions-2.md").symlink_to(stage.folder / "token")


NO_PLACE = "every dependency needs '=='|is not a requirement|names a place"
HOSTILE: dict[str, tuple[Make, str, str]] = {
    # pickles
    "writes": (opens("open(folder + '/written', 'w'); open(mine, 'a')"), "canary", "(?s)not load.*(opens.py|written)"),
    "reads a token": (
        opens("import os; outcome = os.environ.get('HF_TOKEN') or open(folder + '/token').read()"),
        "canary",
        "(?s)not load.*No such file.*token|not load.*denied.*token",
    ),
    "connects": (
        opens("import socket; outcome = socket.create_connection(('127.0.0.1', port), 5).fileno()"),
        "canary",
        "(?s)not load.*(refused|unreachable|permitted|denied)",
    ),
    "leaves a child": (opens(DAEMON), "canary", "wrong +cutoff: the card says 4.4 Å and the loaded model 6 Å"),
    "forks a hundred": (opens(FORKS), "canary", "wrong +cutoff: the card says 4.4 Å and the loaded model 6 Å"),
    "fills the disk": (
        opens(FILLS),
        "canary",
        "(?s)not load.*(No space left|wrote more than)",
    ),
    "ends its process": (opens("import os; os._exit(0)"), "canary", "not load: "),
    # adapters
    "an archive": (adapter('"ase==3.29.0"', '"evil @ https://a.org/evil-1.0.tar.gz"'), "canary", NO_PLACE),
    "a repository": (adapter('"ase==3.29.0"', '"evil @ git+https://a.org/evil"'), "canary", NO_PLACE),
    "a folder": (adapter('"ase==3.29.0"', '"./evil"'), "canary", NO_PLACE),
    "an option": (adapter('"ase==3.29.0"', '"--index-url=https://a.org"'), "canary", NO_PLACE),
    "a text for a list": (adapter('["ase==3.29.0", "numpy==2.5.4", "safetensors==0.8.0"]', '"x"'), "canary", NO_PLACE),
    "no TOML": (adapter("[tool.uv]", "[tool.uv"), "canary", "its header cannot be read"),
    "built from source": (source_distribution, "canary", "nothing is built from source"),
    # lies
    "another hash": (other_bytes, "canary", "(?s)not load.*sha256"),
    "another size": (another_size, "canary", "(?s)not load.*bytes"),
    "another cutoff": (card(cutoff="cutoff: 5.4"), "canary", "the card says 5.4 Å and the loaded model 4.4 Å"),
    "other parameters": (card(parameters="parameters: 400"), "canary", "wrong +parameters: "),
    "elements that it lacks": (card(elements="elements: O, Na-Mg, Cl-K"), "canary", "wrong +elements: .*(Ar|K)"),
    "another checkpoint's canary": (
        another_checkpoints_answers,
        "canary",
        "answers beside the card are of another checkpoint",
    ),
    "no such training set": (
        card(training_sets="training_sets: [mptrj-clean]"),
        "check",
        "training_sets: .*mptrj-clean",
    ),
    "the same file": (same_file, "check", "ions-1 has the same file"),
    "another version of the library": (
        adapter("STEP = 1", "STEP = -1", own=True),
        "canary",
        "wrong +chemistry: .*species in another order",
    ),
    "another version, the right canary": (adapter("STEP = 1", "STEP = -1"), "canary", "wrong +canary: .*mgo-rocksalt"),
    # paths
    "a family's path": (card(family=f"family: {ESCAPE}"), "check", "family: "),
    "a training set's path": (card(training_sets=f"training_sets: [{ESCAPE}]"), "check", "training_sets"),
    "a fidelity's path": (card(fidelities=f"fidelities: {{{ESCAPE}: mptrj}}"), "check", "fidelities"),
    "a hash's path": (card(upstream=f'upstream: {{sha256: "{ESCAPE}", bytes: 9}}'), "check", "sha256"),
    "a Hub's path": (place(f"hub: {ESCAPE}, revision: '{'a' * 40}', file: x"), "check", r"hub"),
    "a path in a repository": (
        place(f"hub: a/b, revision: '{'a' * 40}', file: {ESCAPE}"),
        "check",
        r"plain relative path",
    ),
    "a path in a wheel": (place(f"wheel: a==1, file: {ESCAPE}"), "check", "plain relative path"),
    "a wheel's path": (place(f"wheel: ./a.whl, file: {ESCAPE}"), "check", "wheel"),
    "a bundled path": (place(f"bundled: {ESCAPE}"), "check", "bundled"),
    "an address on this disk": (place("url: 'file:///etc/passwd'"), "check", "begins with https"),
    "a claim's path": (
        card(claims=f"claims: [{{task: {ESCAPE}, metric: x, value: 1, source: https://a.org}}]"),
        "check",
        "task",
    ),
    "a successor's path": (card(superseded_by=f"superseded_by: {ESCAPE}"), "check", "superseded_by"),
    "a canary's path": (
        file("model_cards/canaries/ions-2.json", json.dumps({"answers": {ESCAPE: {}}})),
        "check",
        "answers",
    ),
    "a linked card": (linked_card, "check", ""),
    "a linked mirror": (linked_mirror, "canary", "(?s)not load.*sha256"),
    "a script among the cards": (file("model_cards/harm.sh"), "check", "Take these out: model_cards/ holds"),
    "a foreign letter": (file("model_cards/i\u043ens-1.md"), "check", "Take these out: model_cards/ holds"),
    # what machines write
    "a result": (file("leaderboard/results/eos/ions-2@conservative.json"), "check", "the main branch's own lanes"),
    "a passed check": (file("model_cards/checked/ions-2.json"), "check", "the main branch's own lanes"),
    "a figure": (file("leaderboard/scored/eos/ions-2@conservative.json.xz"), "check", "the main branch's own lanes"),
    # markup
    "markup in a title": (card(title=f"title: '{MARKUP}'"), "check", "title"),
    "markup in a licence": (card(licence=f"licence: {{code: '{MARKUP}', weights: MIT}}"), "check", "licence"),
    "markup in a reason": (
        card(withdrawn=f"withdrawn: {{day: '2026-11-27', reason: '{MARKUP}'}}"),
        "check",
        "withdrawn",
    ),
    "markup in a link": (card(code="code: 'https://a.org/\"><script>'"), "check", "code"),
    "a script for a link": (card(paper="paper: 'javascript:window.pwned'"), "check", "paper"),
    "markup in answers": (file("model_cards/canaries/ions-2.json", json.dumps({"python": MARKUP})), "check", "python"),
    "an object": (card(title="title: !!python/object/apply:os.system [x]"), "check", "title: the tag"),
    # imitations
    "a name that looks like another": (
        named("sevennet-o", "Something else"),
        "check",
        "its name looks like that of sevennet-0",
    ),
    "a title that looks like another": (
        named("ions-3", "SevenNet-O (1lJul2024)"),
        "check",
        "its title looks like that of sevennet-0",
    ),
    "a letter of another script": (named("ions-3", "S\u0435venNet-0"), "check", "CYRILLIC"),
}
