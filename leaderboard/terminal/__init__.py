"""Terminal: boards and reports as text."""
