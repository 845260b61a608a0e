"""`facegate models ...`."""
