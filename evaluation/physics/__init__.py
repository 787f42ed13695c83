"""A potential in, arrays out: no data sets, no files, no tasks."""
