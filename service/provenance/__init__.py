"""What the bytes of a picture tell of where it comes from: facts, never part of a score."""
