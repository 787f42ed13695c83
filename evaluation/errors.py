"""Everything that can go wrong between a potential and a result. A sample that fails is a record, never one of these.

EvaluationError
├── UnknownTask          no task of that name; names the close ones
├── UnknownDataset       no dataset of that name; names the close ones
├── UnknownRecipe        no recipe of that name; names the close ones
├── RecipeError          a recipe, or a folder of a training that was begun with another one, cannot be used
├── DatasetUnavailable   reference data are neither here nor to be had; says where to get them
├── SubmissionIncomplete  a leaderboard of others wants records that are not there; lists them
├── PredictionsError     a file of predictions or labels is not what was asked for; says what it has
├── ProtocolMismatch     a run folder holds records of another protocol, checkpoint or dataset
├── ConfigurationError   a file that says where shards run, or what it needs, cannot be used
├── RunLocked            another process writes the same run
├── StoreError           a stored record or manifest cannot be read, or not written; says what to do
├── SolverFault          a solver's process ended without an answer; its question is asked again next time
└── EvaluationFault      samples could not run for reasons that are not the model's; they will run again
"""

from __future__ import annotations


class EvaluationError(Exception):
    """Base of everything the harness raises on purpose."""


class UnknownTask(EvaluationError, KeyError):
    """No task has that name."""

    def __str__(self) -> str:  # KeyError would show the message's repr
        return str(self.args[0])


class UnknownDataset(EvaluationError, KeyError):
    """No dataset has that name."""

    def __str__(self) -> str:
        return str(self.args[0])


class UnknownRecipe(EvaluationError, KeyError):
    """No recipe has that name."""

    def __str__(self) -> str:
        return str(self.args[0])


class RecipeError(EvaluationError, ValueError):
    """A recipe or a training's folder cannot be used."""


class DatasetUnavailable(EvaluationError):
    """The reference data could not be brought here."""

    def __init__(self, message: str, *, dataset: str | None = None) -> None:
        super().__init__(message)
        self.dataset = dataset
        """Its name in `evaluation/datasets`."""


class PredictionsError(EvaluationError, ValueError):
    """A file of predictions or labels cannot be used."""


class SubmissionIncomplete(EvaluationError):
    """Records that a submission needs have not been made."""


class ProtocolMismatch(EvaluationError):
    """The folder's records were made under other conditions."""


class ConfigurationError(EvaluationError, ValueError):
    """Where shards are to run cannot be used: a file that is not valid, or something that is not installed."""


class RunLocked(EvaluationError):
    """Two processes must not write one run."""


class Unfinished(EvaluationError):
    """A training's time was up before its last step; its state is stored."""


class StoreError(EvaluationError):
    """What is stored cannot be read, or something cannot be stored."""


class SolverFault(EvaluationError):
    """A solver's process was lost: memory, a kill. No record was made; run again."""


class EvaluationFault(EvaluationError):
    """Some samples did not run: disk, memory, a lost worker. No record was made; run again."""
