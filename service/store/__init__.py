"""Where licences, quota counters and results are remembered."""
