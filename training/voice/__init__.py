"""Makes the voice detector: clips, copies, channels, views, training, figures, export."""
