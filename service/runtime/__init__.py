"""What every part may stand on: metrics, logs, limits of the machine, concurrency, files."""
