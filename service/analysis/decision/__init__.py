"""From detectors' probabilities to one decision: fusion, calibration, threshold."""
