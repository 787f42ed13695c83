"""Charts: Vega-Lite specifications that pages share."""
