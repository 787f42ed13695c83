"""Everything that can go wrong between a model's name and its forces.

ZooError
├── CardError                a card is wrong: file, field, reason
├── UnknownModel             no card of that name (also a KeyError); names the close ones
├── ModeError                the checkpoint lacks that head, fidelity, dtype or runtime; names what it has
├── CheckpointError
│   ├── ChecksumMismatch     the bytes are not the pinned ones; nothing was kept
│   ├── CheckpointNotFound   no source has the file
│   ├── UnpinnedCheckpoint   its bytes are not pinned yet; says how to
│   ├── PinsError            the person's file of pins: not valid, not writable, or about another place
│   └── OfflineError         the network is switched off and the file is not here
├── ConversionError          upstream checkpoint → safetensors did not come out as pinned
├── EnvironmentFault        a family's environment could not be built
├── SandboxUnavailable      a worker was to run in a sandbox that cannot be had here
├── ShadowedPackage          another distribution's `zoo`, `evaluation` or `leaderboard` would be imported
└── WorkerError
    ├── WorkerStartError     the adapter could not load the model
    ├── WorkerDied           the process ended; carries its last stderr lines
    ├── WorkerTimeout        no reply within the time limit; the worker was stopped
    ├── WorkerOutOfMemory    a single structure does not fit
    ├── MalformedAnswer      the arrays that came back cannot be the answer to the question
    └── ProtocolError        what came through the pipe is not a frame, or answers another question

StructureError (also a ValueError) is what the ASE interface raises for one structure that the model cannot do; batches
carry the same text per structure instead and never raise for it.
"""

from __future__ import annotations


class ZooError(Exception):
    """Base of everything the zoo raises on purpose."""


class CardError(ZooError, ValueError):
    """A model card is not valid."""


class UnknownModel(ZooError, KeyError):
    """No card has that name."""

    def __str__(self) -> str:  # KeyError would show the message's repr
        return str(self.args[0])


class ModeError(ZooError, ValueError):
    """The checkpoint has no such inference mode."""


class CheckpointError(ZooError):
    """A checkpoint's bytes could not be brought here."""


class ChecksumMismatch(CheckpointError):
    """The bytes that came are not the bytes that were pinned."""


class CheckpointNotFound(CheckpointError):
    """No source could deliver the file."""


class UnpinnedCheckpoint(CheckpointError):
    """The card says where the checkpoint is, and not which bytes it is."""


class PinsError(CheckpointError):
    """The person's file of pins is not valid, cannot be written, or does not fit the card."""


class OfflineError(CheckpointError):
    """The file is not on this machine and the network is switched off."""


class ConversionError(ZooError):
    """A conversion to safetensors is not what it must be."""


class EnvironmentFault(ZooError):
    """A family's environment could not be built."""


class SandboxUnavailable(ZooError):
    """The sandbox that was asked for cannot be set up on this machine."""


class ShadowedPackage(ZooError, ImportError):
    """Another distribution's package of the same name stands in front of ours."""


class WorkerError(ZooError, RuntimeError):
    """The worker could not do its work."""


class WorkerStartError(WorkerError):
    """The adapter failed while it loaded the model."""


class WorkerDied(WorkerError):
    """The worker process ended."""


class WorkerTimeout(WorkerError):
    """The worker did not answer in time."""


class WorkerOutOfMemory(WorkerError):
    """One structure alone does not fit into memory."""


class MalformedAnswer(WorkerError):
    """The model's arrays have the wrong count, shape or type."""


class ProtocolError(WorkerError):
    """The pipe carried something that is not a frame, or the answer to another question."""


class StructureError(ZooError, ValueError):
    """The model cannot compute this one structure."""
