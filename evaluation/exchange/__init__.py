"""Exchange: predictions and results in the layouts of other boards."""
