"""The rooms of the console, a blueprint each."""
