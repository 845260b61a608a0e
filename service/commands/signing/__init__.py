"""`facegate verify-answer` and `facegate signing-keys`."""
