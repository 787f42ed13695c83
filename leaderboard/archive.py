"""Archive: results and their records as a dataset of a Hugging Face Hub, from where records come back by hash.

What ships of a published result says which records it was made from. A copy of the results without records, as an
installed package is, gets them from any archive, and takes no others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from evaluation.result import read_result
from leaderboard.errors import PublishError
from leaderboard.ranking import scored
from zoo import files, settings
from zoo.checkpoints.download import Unavailable, with_retries
from zoo.checkpoints.sources import hub_faults
from zoo.progress import Say

_CARD = """---
license: mit
pretty_name: Results of mlip-zoo
tags: [machine-learning-interatomic-potential, materials-science, benchmark]
---

# Results and records of mlip-zoo

`<task>/<entry>.json` is a result: scores, their intervals, and what ran. `<task>/<entry>.parquet` has its records, one
row a sample, as the evaluation stored them; `mlip-zoo rescore` computes the scores from them, without a model.
"""


def publish(results: Sequence[Path], repository: str, *, private: bool = False, say: Say = lambda _: None) -> str:
    """Write results, each with the records beside it, to the dataset `organisation/name` in one commit.

    The dataset is made when it is not there. Returns the commit. Raises PublishError for a result without records,
    before anything is written, or with the Hub's reason.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    operations = [CommitOperationAdd("README.md", _CARD.encode())]
    for path in results:
        records = path.with_name(read_result(path).records_name)
        if not records.is_file():
            raise PublishError(
                f"{path} has no records beside it; 'mlip-zoo records --from ORGANISATION/NAME' brings published ones, "
                "'mlip-zoo evaluate' makes them"
            )
        operations += [CommitOperationAdd(f"{path.parent.name}/{file.name}", file) for file in (path, records)]
    api = HfApi(endpoint=settings.hub_endpoint())
    try:
        say(f"writing {len(results)} results to {repository}")
        api.create_repo(repository, repo_type="dataset", exist_ok=True, private=private)
        commit = api.create_commit(
            repository, operations, repo_type="dataset", commit_message=f"{len(results)} results, by mlip-zoo"
        )
    except HfHubHTTPError as error:
        raise PublishError(
            f"the Hub refused to write {repository}: {str(error).splitlines()[0]}. 'hf auth login' logs in; the token "
            "needs the right to write."
        ) from error
    return str(commit.oid)


def bring(result: Path, repository: str, *, revision: str = "main", say: Say = lambda _: None) -> bool:
    """Put the records of a published result beside it, verified by their hash; False where they are there already.

    Raises PublishError where nobody knows the hash, or the archive has other records or none.
    """
    records = result.with_name(read_result(result).records_name)
    if records.is_file():
        return False
    wanted = scored.records_sha256(result)
    if wanted is None:
        raise PublishError(
            f"{result}: which records it was made from is not known here: it is no published result, or another one "
            "than this version's; 'mlip-zoo evaluate' makes them"
        )
    name = f"{result.parent.name}/{records.name}"
    say(f"{name} of {repository}")
    with tempfile.TemporaryDirectory() as scratch:
        try:
            found = with_retries(lambda: _downloaded(repository, name, revision, Path(scratch)))
        except Unavailable as reason:
            raise PublishError(f"{name} of the dataset {repository}: {reason}") from reason
        if (sha256 := files.sha256(found)) != wanted:
            raise PublishError(
                f"{name} of the dataset {repository} has other records than {result.name} was made from; nothing was "
                f"kept.\n  wanted: sha256 {wanted}\n  there:  sha256 {sha256}\n--revision names an earlier commit."
            )
        try:
            files.write_bytes(records, found.read_bytes())
        except OSError as error:
            raise PublishError(
                f"{records} cannot be written ({error.strerror}): copy the results somewhere, and name that folder by "
                "--results"
            ) from error
    return True


def _downloaded(repository: str, name: str, revision: str, scratch: Path) -> Path:
    from huggingface_hub import hf_hub_download

    with hub_faults(f"datasets/{repository}", revision):
        return Path(
            hf_hub_download(
                repository,
                name,
                repo_type="dataset",
                revision=revision,
                local_dir=scratch,
                endpoint=settings.hub_endpoint(),
            )
        )
