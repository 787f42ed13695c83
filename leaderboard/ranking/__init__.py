"""Ranking: results as rows of boards, with ranks and their intervals, and as files."""
