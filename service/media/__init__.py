"""What came in: its kind, its pixels, and where it may be fetched from."""
