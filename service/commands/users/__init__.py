"""`facegate users`."""
