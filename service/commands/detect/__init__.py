"""`facegate detect`."""
