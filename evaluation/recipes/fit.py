"""Train a network on labelled frames. Runs by path in the network's own environment: python -I fit.py FRAMES FOLDER.

FOLDER holds recipe.json; what comes out is `upstream`, a checkpoint in the authors' own format, held-out.json, the
errors on the test frames by source, and log.jsonl. Killed, it goes on from the state that it stored last. One thread:
the same recipe gives the same weights on the same machine. Every line of standard output is a JSON object with the
step; some are lines of the log. On a GPU the frames live there (resident.py), and no weight is repeatable to the bit.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.util
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn.functional import huber_loss

NETWORKS = Path(__file__).with_name("networks")
SAVE_EVERY = 500
"""Steps, or the epoch when it is shorter."""
TELL_EVERY = 20
"""Steps."""
WINDOW = 64
"""Frames among which batches are made of those of like coordination, or more for large batches."""


class Network(Protocol):
    """What a file of `networks` calls `Network`; beside it stands `edges`."""

    module: torch.nn.Module
    """All that is trained."""

    def __call__(self, batch: Batch, positions: torch.Tensor, cells: torch.Tensor) -> dict[str, torch.Tensor]:
        """`energy` (n,), eV; where the network has them `direct_forces` (N, 3) and `direct_stress` (n, 3, 3)."""

    def save(self, path: Path) -> None:
        """A checkpoint in the authors' own format."""


@dataclass(frozen=True)
class Frame:
    """One structure with its edges and labels; the energy is per atom, without the composition's part."""

    positions: torch.Tensor
    cell: torch.Tensor
    numbers: torch.Tensor
    centers: torch.Tensor
    neighbours: torch.Tensor
    shifts: torch.Tensor
    energy: float
    forces: torch.Tensor
    stress: torch.Tensor
    volume: float
    most_neighbours: int
    source: str
    largest_force: float

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class Batch:
    """n frames with N atoms and E edges, joined; each under a rotation."""

    positions: torch.Tensor
    """(N, 3), Å."""
    cells: torch.Tensor
    """(n, 3, 3), Å, rows."""
    numbers: torch.Tensor
    centers: torch.Tensor
    """(E,), into the N atoms."""
    neighbours: torch.Tensor
    shifts: torch.Tensor
    """(E, 3), whole cells."""
    owner: torch.Tensor
    """(N,), each atom's frame."""
    sizes: torch.Tensor
    labels: dict[str, torch.Tensor]
    """`energy` (eV/atom), `forces` (eV/Å), `stress` × volume per atom (eV)."""
    per_atom: torch.Tensor
    """(n, 1, 1), Å³."""

    @classmethod
    def of(cls, frames: list[Frame], turns: Sequence[torch.Tensor]) -> Batch:
        """Join frames, each turned by an element of O(3)."""
        sizes = torch.tensor([len(frame) for frame in frames])
        offsets = torch.cumsum(sizes, 0) - sizes
        pairs = list(zip(frames, turns, strict=True))
        per_atom = torch.tensor([frame.volume / len(frame) for frame in frames])[:, None, None]
        return cls(
            positions=torch.cat([frame.positions @ turn.T for frame, turn in pairs]),
            cells=torch.stack([frame.cell @ turn.T for frame, turn in pairs]),
            numbers=torch.cat([frame.numbers for frame in frames]),
            centers=torch.cat([frame.centers + offset for frame, offset in zip(frames, offsets, strict=True)]),
            neighbours=torch.cat([frame.neighbours + offset for frame, offset in zip(frames, offsets, strict=True)]),
            shifts=torch.cat([frame.shifts for frame in frames]),
            owner=torch.repeat_interleave(torch.arange(len(frames)), sizes),
            sizes=sizes,
            labels={
                "energy": torch.tensor([frame.energy for frame in frames]),
                "forces": torch.cat([frame.forces @ turn.T for frame, turn in pairs]),
                "stress": torch.stack([turn @ frame.stress @ turn.T for frame, turn in pairs]) * per_atom,
            },
            per_atom=per_atom,
        )


Join = Callable[[list[Frame], Sequence[torch.Tensor]], Batch]


def read(path: Path, edges: Any, *, cutoff: float, one_in: int) -> tuple[dict[str, list[Frame]], dict[int, float]]:
    """Frames by part, and the energies of atoms that a least-squares fit to the training frames takes off them."""
    with np.load(path) as archive:
        stored = dict(archive)  # an open archive would unpack an array every time it is asked for
    ends = np.cumsum(stored["sizes"])
    atoms = [slice(end - size, end) for end, size in zip(ends, stored["sizes"], strict=True)]
    known = np.unique(stored["numbers"])
    counts = np.zeros((len(atoms), len(known)), dtype=np.int64)
    owners = np.repeat(np.arange(len(atoms)), stored["sizes"])
    np.add.at(counts, (owners, np.searchsorted(known, stored["numbers"])), 1)
    training = thinned(stored["parts"] == "train", counts > 0, one_in=one_in)
    sizes = stored["sizes"].astype(float)
    # per atom, so that a large cell does not outweigh the small ones
    weights, *_ = np.linalg.lstsq(
        counts[training] / sizes[training, None], stored["energies"][training] / sizes[training], rcond=None
    )
    composition = {int(z): float(weight) for z, weight in zip(known, weights, strict=True)}
    residuals = (stored["energies"] - counts @ weights) / sizes
    parts: dict[str, list[Frame]] = {"train": [], "validation": [], "test": []}
    for k, rows in enumerate(atoms):
        part = str(stored["parts"][k])
        if part == "train" and not training[k]:
            continue
        positions, cell = stored["positions"][rows], stored["cells"][k]
        i, j, shifts = edges(positions, cell, cutoff)
        frame = Frame(
            positions=_float(positions),
            cell=_float(cell),
            numbers=torch.tensor(stored["numbers"][rows]),
            centers=torch.tensor(i.astype(np.int64)),
            neighbours=torch.tensor(j.astype(np.int64)),
            shifts=torch.tensor(shifts.astype(np.int32)),
            energy=float(residuals[k]),
            forces=_float(stored["forces"][rows]),
            stress=_float(stored["stresses"][k]),
            volume=float(abs(np.linalg.det(cell))),
            most_neighbours=int(np.bincount(i.astype(np.int64), minlength=len(positions)).max()),
            source=str(stored["sources"][k]),
            largest_force=float(_float(stored["forces"][rows]).abs().max()),
        )
        parts[part].append(frame)
    return parts, composition


def thinned(training: np.ndarray, elements: np.ndarray, *, one_in: int) -> np.ndarray:
    """Which of the frames are learned from: one in so many of the `training` ones, and one of each element at least.

    The order is drawn once from a fixed seed, so that a smaller set is part of each larger one.
    """
    order = np.random.default_rng(0).permutation(np.flatnonzero(training))
    chosen = set(order[: math.ceil(len(order) / one_in)].tolist())
    for column in elements.T:
        having = order[column[order]]
        if len(having) and chosen.isdisjoint(having.tolist()):
            chosen.add(int(having[0]))
    kept = np.zeros_like(training)
    kept[sorted(chosen)] = True
    return kept


def batches(frames: list[Frame], atoms: int, rng: np.random.Generator) -> Iterator[list[Frame]]:
    """Each frame once, in random order; frames of like coordination together, because PET pads to the largest."""
    order = rng.permutation(len(frames))
    made: list[list[Frame]] = []
    window = max(WINDOW, atoms // 2)
    for start in range(0, len(order), window):
        batch: list[Frame] = []
        held = 0
        for k in sorted(order[start : start + window], key=lambda k: frames[k].most_neighbours):
            if batch and held + len(frames[k]) > atoms:
                made.append(batch)
                batch, held = [], 0
            batch.append(frames[k])
            held += len(frames[k])
        made.append(batch)
    for k in rng.permutation(len(made)):
        yield made[k]


def rotation(rng: np.random.Generator) -> torch.Tensor:
    """A random element of O(3)."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    return _float(q * np.sign(np.diag(r)) * rng.choice((-1, 1)))


def predict(
    network: Network, batch: Batch, *, conservative: bool
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Predictions and labels by name: energy per atom (eV), forces (eV/Å), stress × volume per atom (eV)."""
    positions, cells = batch.positions, batch.cells
    strains = torch.zeros_like(cells)
    if conservative:
        positions.requires_grad_(True)
        strains.requires_grad_(True)
    change = torch.eye(3, device=cells.device) + (strains + strains.transpose(1, 2)) / 2
    found = network(batch, (positions[:, None] @ change[batch.owner])[:, 0], cells @ change)
    energies = found["energy"]
    found["energy"] = energies / batch.sizes
    if "direct_stress" in found:
        found["direct_stress"] = found["direct_stress"] * batch.per_atom
    if conservative:
        gradient, virials = torch.autograd.grad(
            energies.sum(), [positions, strains], create_graph=network.module.training
        )
        found |= {"forces": -gradient, "stress": virials / batch.sizes[:, None, None]}
    return found, {name: batch.labels[name.removeprefix("direct_")] for name in found}


def errors(network: Network, frames: list[Frame], atoms: int, *, join: Join) -> dict[str, float]:
    """Mean absolute errors of unrotated frames: meV/atom, meV/Å, and meV/atom for stress × volume."""
    network.module.eval()
    gathered: dict[str, list[torch.Tensor]] = {}
    for batch in batches(frames, atoms, np.random.default_rng(0)):
        found, labels = predict(network, join(batch, [torch.eye(3)] * len(batch)), conservative=True)
        for name in found:
            gathered.setdefault(name, []).append((found[name].detach() - labels[name]).abs().flatten())
    network.module.train()
    return {name: round(1000 * float(torch.cat(parts).mean()), 1) for name, parts in gathered.items()}


class Training:
    """Weights, optimiser and average at a step; every batch and rotation follows from the seed and the step."""

    def __init__(
        self,
        network: Network,
        recipe: dict[str, Any],
        folder: Path,
        *,
        join: Join = Batch.of,
        seconds: float = math.inf,
    ) -> None:
        """`seconds`: how long this process may learn; then it stores its state and stops."""
        self.network = network
        self.module = network.module
        self.settings = recipe["training"]
        self.seed = recipe["seed"]
        self.folder = folder
        self.join = join
        self.deadline = time.monotonic() + seconds
        self.step = 0
        self.epoch = 0
        self.batch = 0
        """Batches of this epoch that are done."""
        self.cpu_seconds = 0.0
        """Of former processes."""
        self.optimiser = torch.optim.AdamW(self.module.parameters(), lr=self.settings["learning_rate"], weight_decay=0)
        self.average = {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}

    @property
    def phase(self) -> dict[str, Any]:
        return next(phase for phase in self.settings["phases"] if self.step < phase["until"])

    @property
    def last_step(self) -> int:
        return int(self.settings["phases"][-1]["until"])

    def run(self, frames: dict[str, list[Frame]]) -> bool:
        """Go on to the last step; the network then has the averaged weights. False when the time was up before."""
        self.module.train()
        while self.step < self.last_step:
            if not self._epoch(frames):
                self.save()
                return False
            self.epoch += 1
            self.batch = 0
            self.save()
        self.module.load_state_dict(self.average)
        return True

    def _epoch(self, frames: dict[str, list[Frame]]) -> bool:
        """The rest of an epoch; a phase ends one early, and the next begins with a new one. False: the time is up."""
        phase = self.phase
        rng = np.random.default_rng([self.seed, self.epoch])
        fitting = [f for f in frames["train"] if f.largest_force >= phase["forces_above"]]
        planned = list(batches(fitting, self.settings["atoms_per_batch"], rng))
        for batch in planned[self.batch :]:
            if time.monotonic() > self.deadline:
                return False
            reporting = (self.step + 1) % self.settings["report_every"] == 0
            seen = self._learn(batch)
            self.step += 1
            self.batch += 1
            if reporting:
                self._report(seen, frames["validation"])
            elif self.step % TELL_EVERY == 0:
                tell({"step": self.step})
            if self.step == phase["until"]:
                break
            if self.step % SAVE_EVERY == 0:
                self.save()
        return True

    def _learn(self, frames: list[Frame]) -> dict[str, torch.Tensor]:
        """One step; the batch's errors before it, each component's."""
        phase, weights = self.phase, self.settings["weights"]
        rng = np.random.default_rng([self.seed, 1, self.step])
        turned = self.settings["augmentation"] == "rotations"
        batch = self.join(frames, [rotation(rng) if turned else torch.eye(3) for _ in frames])
        found, labels = predict(self.network, batch, conservative="forces" in phase["targets"])
        delta = phase["huber"]
        losses = [
            weights[name] * huber_loss(found[name], labels[name], delta=delta) / delta for name in phase["targets"]
        ]
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings["learning_rate"] * self._schedule()
        self.optimiser.zero_grad()
        torch.stack(losses).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.settings["gradient_norm"])
        self.optimiser.step()
        decay = min(self.settings["averaging"], self.step / (self.step + 20))
        with torch.no_grad():
            for name, tensor in self.module.state_dict().items():
                if tensor.is_floating_point():
                    self.average[name].lerp_(tensor, 1 - decay)
        return {name: (found[name] - labels[name]).detach() for name in found}

    def _schedule(self) -> float:
        warm: float = min(1.0, (self.step + 1) / self.settings["warmup"])
        return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.step / self.last_step)))

    def _report(self, seen: dict[str, torch.Tensor], validation: list[Frame]) -> None:
        """One line of log: the averaged weights' errors on the validation frames."""
        current = {name: tensor.clone() for name, tensor in self.module.state_dict().items()}
        self.module.load_state_dict(self.average)
        line = {
            "step": self.step,
            "epoch": self.epoch,
            "last_batch": {name: round(1000 * float(each.abs().mean()), 1) for name, each in seen.items()},
            "validation": errors(self.network, validation, self.settings["atoms_per_batch"], join=self.join),
            "cpu_seconds": round(self.cpu_seconds + time.process_time()),
        }
        self.module.load_state_dict(current)
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        tell(line)

    def save(self) -> None:
        state = {
            "step": self.step,
            "epoch": self.epoch,
            "batch": self.batch,
            "cpu_seconds": self.cpu_seconds + time.process_time(),
            "weights": self.module.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        torch.save(state, self.folder / "state.part")
        (self.folder / "state.part").replace(self.folder / "state.pt")

    def resume(self, device: str) -> None:
        path = self.folder / "state.pt"
        if path.exists():
            state = torch.load(path, weights_only=True, map_location=device)
            self.step, self.epoch, self.batch = state["step"], state["epoch"], state["batch"]
            self.cpu_seconds = state["cpu_seconds"]
            self.module.load_state_dict(state["weights"])
            self.average = state["average"]
            self.optimiser.load_state_dict(state["optimiser"])
        self._cut_log()

    def _cut_log(self) -> None:
        """Take lines off the log whose steps are about to be done again."""
        log = self.folder / "log.jsonl"
        lines = log.read_text().splitlines(keepends=True) if log.exists() else []
        log.write_text("".join(line for line in lines if json.loads(line)["step"] <= self.step))


def main(archive: Path, folder: Path, *, device: str, seconds: float = math.inf) -> None:
    """Train, test, and write the checkpoint whole; or stop after so many seconds, to be gone on with."""
    torch.set_num_threads(1)
    lock = (folder / "fit.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # a process whose starter was killed may still be writing: wait for its end
    recipe = json.loads((folder / "recipe.json").read_text())
    about = loaded(NETWORKS / f"{recipe['network']}.py")
    cutoff = float(recipe["model"]["cutoff"])
    frames, composition = read(archive, about.edges, cutoff=cutoff, one_in=recipe["training"]["one_in"])
    torch.manual_seed(recipe["seed"])
    mean_neighbours = sum(len(frame.centers) for frame in frames["train"]) / sum(map(len, frames["train"]))
    network: Network = about.Network(recipe["model"], composition, mean_neighbours)
    network.module.to(device)
    join: Join = Batch.of
    if device != "cpu":
        together = [frame for part in frames.values() for frame in part]
        join = loaded(Path(__file__).with_name("resident.py")).Resident(together, Batch, device=device)
    training = Training(network, recipe, folder, join=join, seconds=seconds)
    training.resume(device)
    if not training.run(frames):
        return
    atoms = recipe["training"]["atoms_per_batch"]
    tested = {
        source: {"frames": len(chosen), **errors(network, chosen, atoms, join=join)}
        for source in sorted({frame.source for frame in frames["test"]})
        if (chosen := [frame for frame in frames["test"] if frame.source == source])
    }
    (folder / "held-out.json").write_text(json.dumps(tested, indent=1) + "\n")
    network.module.cpu()
    network.save(folder / "upstream.part")
    (folder / "upstream.part").replace(folder / "upstream")


def loaded(path: Path) -> Any:
    """A file beside this one, as a module: nothing of ours is installed here."""
    spec = importlib.util.spec_from_file_location(f"mlip_zoo_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def tell(line: dict[str, Any]) -> None:
    """Write one line to who started this."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _float(array: np.ndarray) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float32)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frames", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=math.inf)
    arguments = parser.parse_args()
    main(arguments.frames, arguments.folder, device=arguments.device, seconds=arguments.seconds)
