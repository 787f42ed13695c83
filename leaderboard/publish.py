"""Publish: a converted checkpoint, its card and its results as one commit of a Hugging Face Hub repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.result import Result
from evaluation.task import load as load_task
from leaderboard.errors import PublishError
from leaderboard.formatting import NOTHING, decimals, figure, interval
from zoo import settings
from zoo.cards.card import Card
from zoo.cards.checkpoint import HubSource
from zoo.checkpoints import cache
from zoo.errors import CheckpointNotFound
from zoo.files import json_text
from zoo.progress import Say, download

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, EvalResult, ModelCard

WEIGHTS, CONFIG = "model.safetensors", "config.json"
"""Names of the files in a repository."""
# Identifiers that the Hub knows; any other licence is 'other', with its name
_HUB_LICENCES = {"MIT": "mit", "BSD-3-Clause": "bsd-3-clause", "Apache-2.0": "apache-2.0", "GPL-3.0": "gpl-3.0"}


@dataclass(frozen=True)
class Published:
    """Where a checkpoint now is."""

    repository: str
    revision: str
    """The commit, 40 hex digits."""

    @property
    def sources(self) -> dict[str, HubSource]:
        """What to put into the card, for weights and config."""
        return {
            role: HubSource(hub=self.repository, revision=self.revision, file=file)
            for role, file in (("weights", WEIGHTS), ("config", CONFIG))
        }


def push(
    card: Card,
    repository: str,
    *,
    results: Sequence[Result] = (),
    benchmark: str | None = None,
    private: bool = False,
    say: Say = lambda _: None,
) -> Published:
    """Write safetensors, config, model card and results to `repository` (`organisation/name`) in one commit.

    The repository is made when it is not there. The endpoint is `HF_ENDPOINT`, the token that of `hf auth login` or
    `HF_TOKEN`. `benchmark` is the id of a Hub data set that collects the scores: with it they are also written in the
    Hub's `.eval_results` format. Raises PublishError with the Hub's reason, or when the checkpoint was not converted
    on this machine; CheckpointError.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    card.require_pinned()
    if card.checkpoint.safetensors is None:
        raise PublishError(f"{card.name} pins no safetensors; 'mlip-zoo convert {card.name}' makes them")
    if card.licence.weights is None:
        raise PublishError(
            f"{card.name}: the card names no licence of the weights; without one they may not be redistributed"
        )
    files = _files(card, say)
    operations = [
        CommitOperationAdd(WEIGHTS, files["weights"]),
        CommitOperationAdd(CONFIG, files["config"]),
        CommitOperationAdd("README.md", str(hub_card(card, results)).encode()),
        *_result_files(results, benchmark),
    ]
    api = HfApi(endpoint=settings.hub_endpoint())
    try:
        say(f"writing {len(operations)} files to {repository}")
        api.create_repo(repository, exist_ok=True, private=private)
        commit = api.create_commit(repository, operations, commit_message=f"{card.title}, by mlip-zoo")
    except HfHubHTTPError as error:
        raise PublishError(
            f"the Hub refused to write {repository}: {str(error).splitlines()[0]}. 'hf auth login' logs in; the token "
            "needs the right to write."
        ) from error
    return Published(repository, str(commit.oid))


def _files(card: Card, say: Say) -> dict[str, Path]:
    """The card's safetensors and its configuration, from the cache, a mirror or a source; nothing is converted here."""
    pinned = card.checkpoint.safetensors
    assert pinned is not None
    found = {}
    for role, file in (("weights", pinned.weights), ("config", pinned.config)):
        try:
            found[role] = cache.cached(file) or cache.fetch(file, label=card.name, progress=download(say))
        except CheckpointNotFound as error:
            raise PublishError(
                f"{card.name}: its safetensors are not on this machine; 'mlip-zoo fetch {card.name}' makes them from "
                f"the upstream checkpoint. {error}"
            ) from error
    return found


def hub_card(card: Card, results: Sequence[Result]) -> ModelCard:
    """The README of the repository: metadata for the Hub, facts and scores for readers."""
    from huggingface_hub import ModelCard, ModelCardData

    known = _HUB_LICENCES.get(card.licence.weights or "")
    data = ModelCardData(
        license=known or "other",
        license_name=None if known else card.licence.weights,
        library_name="mlip-zoo",
        tags=["machine-learning-interatomic-potential", "materials-science", "safetensors", card.family],
        model_name=card.title if results else None,
        eval_results=_eval_results(results) or None,
    )
    text = [
        f"# {card.title}",
        card.prose.strip(),
        "## Use",
        f'```python\nimport zoo\n\natoms.calc = zoo.load("{card.name}")\n```',
        "Converted from the authors' checkpoint by mlip-zoo, every tensor equal bit by bit. "
        + (f"Paper: {card.paper}. " if card.paper else "")
        + f"Code: {card.code}. Licence of the code: {card.licence.code or NOTHING}; of the weights: "
        f"{card.licence.weights or NOTHING}.",
        "## Facts",
        _facts(card),
    ]
    if results:
        text += ["## Results", _scores(results)]
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(text) + "\n")


def _eval_results(results: Sequence[Result]) -> list[EvalResult]:
    """Every score with a value as the Hub's `model-index` has it, with its interval, samples, entry and protocol."""
    from huggingface_hub import EvalResult

    found = []
    for result in sorted(results, key=lambda result: (result.run.task, result.run.entry)):
        run, task = result.run, load_task(result.run.task)
        found += [
            EvalResult(
                task_type="atomistic-simulation",
                task_name=task.title,
                dataset_type=f"mlip-zoo/{run.task}",
                dataset_name=f"{task.title}, {run.subset} subset",
                dataset_config=f"protocol-v{run.protocol_version}",
                dataset_split=run.subset,
                dataset_revision=run.dataset_sha256,
                metric_type=metric.name,
                metric_name=f"{metric.label} ({metric.unit})" if metric.unit else metric.label,
                metric_value=score.value,
                metric_config=run.entry,
                metric_args={"n": score.n, "missing": score.n_missing, "low": score.low, "high": score.high},
            )
            for metric in task.metrics
            if (score := result.scores.get(metric.name)) and score.value is not None
        ]
    return found


def _facts(card: Card) -> str:
    pinned = card.checkpoint.safetensors
    facts = {
        "parameters": "" if card.parameters is None else f"{card.parameters:,}",
        "cutoff": "" if card.cutoff is None else f"{card.cutoff:g} Å",
        "elements": "" if card.elements is None else f"{len(card.elements)}",
        "trained on": ", ".join(card.training_sets),
        "level of theory": card.theory(),
        "energies": card.energies,
        "forces (claimed)": ", ".join(card.forces),
        "rotation, inversion (claimed)": f"{card.rotation or NOTHING}, {card.inversion or NOTHING}",
        "at the cutoff (claimed)": "the energy jumps" if card.cutoff_crossing == "jumps" else "",
        "sha256 of the weights": f"`{pinned.weights.sha256}`" if pinned else "",
    }
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in facts.items() if value)])


def _scores(results: Sequence[Result]) -> str:
    lines = ["| task | entry | metric | value | 95 % interval | samples |", "| --- | --- | --- | --- | --- | --- |"]
    for result in sorted(results, key=lambda result: (result.run.task, result.run.entry)):
        task = load_task(result.run.task)
        for metric in task.metrics:
            score = result.scores.get(metric.name)
            if score is None:  # the result of an earlier protocol, which had fewer
                continue
            digits = decimals([score.value])
            lines.append(
                f"| {task.title} ({result.run.subset}) | {result.run.entry} | {metric.label} | "
                f"{figure(score.value, digits)} {metric.unit} | {interval(score.low, score.high, digits)} | {score.n} |"
            )
    return "\n".join(lines)


def _result_files(results: Sequence[Result], benchmark: str | None) -> list[CommitOperationAdd]:
    import yaml
    from huggingface_hub import CommitOperationAdd, EvalResultEntry, eval_result_entries_to_yaml

    operations = []
    for result in results:
        run = result.run
        path = f"results/{run.task}/{run.entry}.json"
        operations.append(CommitOperationAdd(path, json_text(result.model_dump(mode="json")).encode()))
        if benchmark is None:
            continue
        # one file per entry: the Hub wants the variants of one model apart
        entries = [
            EvalResultEntry(
                dataset_id=benchmark,
                task_id=f"{run.task}-{run.subset}-{name}",
                value=score.value,
                date=run.finished,
                notes=f"{run.entry}, protocol version {run.protocol_version}",
            )
            for name, score in sorted(result.scores.items())
            if score.value is not None
        ]
        text = yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False)
        mode = run.entry.partition("@")[2].replace("+", "_")
        operations.append(CommitOperationAdd(f".eval_results/{run.task}_{mode}.yaml", text.encode()))
    return operations
