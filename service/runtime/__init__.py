"""What every part may stand on: metrics, logs, limits of the machine, gates, files."""
