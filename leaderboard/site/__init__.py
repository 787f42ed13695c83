"""Site: results as static pages."""
