"""Everything that can go wrong between results and pages.

LeaderboardError
├── NoResults         there is nothing to show; says which command makes a result
├── ResultFault       a stored result cannot be believed: file, field, reason
├── ReportedFault     a table of others' figures is not what was asked for; says what it has
├── MissingExtra      a package of mlip-zoo[leaderboard] is not installed
├── PublishError      the Hub refused what was to be published
└── SiteError         the site cannot be written or served where it was asked for
"""

from __future__ import annotations


class LeaderboardError(Exception):
    """Base of everything the leaderboard raises on purpose."""


class NoResults(LeaderboardError):
    """No folder that was read holds a result."""


class ResultFault(LeaderboardError):
    """A result file is damaged, or does not follow from the records beside it."""


class ReportedFault(LeaderboardError, ValueError):
    """A table of reported figures cannot be imported."""


class MissingExtra(LeaderboardError, ImportError):
    """A package that only the leaderboard needs is not installed."""


class PublishError(LeaderboardError):
    """A checkpoint could not be published."""


class SiteError(LeaderboardError):
    """The site's folder is not ours to write, or not there to serve."""
