"""One file per family. A worker runs it by path, in the family's own environment; it imports nothing of ours."""
