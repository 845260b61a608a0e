"""Commands that measure and fit the models on images of one's own."""
