"""`facegate audit`."""
