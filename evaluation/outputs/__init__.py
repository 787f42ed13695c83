"""Outputs: what tasks store with a record, and how it is read back."""
