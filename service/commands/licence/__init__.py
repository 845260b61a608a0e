"""`facegate licence ...`."""
