"""The store that remembers nothing."""
