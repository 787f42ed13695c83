"""From results to pages: collect, rank, draw, write."""

from zoo._guard import require_ours

require_ours("evaluation")
