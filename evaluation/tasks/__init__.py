"""One file per task, found by its name; no task imports another."""
