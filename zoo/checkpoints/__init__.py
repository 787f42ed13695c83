"""Checkpoints: where their bytes come from, the cache that keeps them by hash, and their conversion."""
