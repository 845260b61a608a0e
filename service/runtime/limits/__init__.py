"""How much at once, how long, and how often in vain."""
