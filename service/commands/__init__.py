"""The sub-commands of `facegate`, one module each."""
