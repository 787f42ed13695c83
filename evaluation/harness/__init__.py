"""Harness: from an entry and a task to stored records, and from records to a result."""
