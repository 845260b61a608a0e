"""A store that keeps requests fast while the primary one is away."""
