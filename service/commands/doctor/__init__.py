"""`facegate doctor`."""
