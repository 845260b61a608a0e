"""Detectors: what turns a face crop into log-odds of a presentation attack."""
