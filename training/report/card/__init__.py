"""The model card: metrics.json in words."""
