"""From a potential to a result: tasks, records, metrics, and the runs that make them."""
