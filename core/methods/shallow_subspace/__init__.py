"""Self-expression of given features, or of pretrained codes, by one solver."""
