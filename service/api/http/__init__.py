"""What all contracts share: bodies, errors, answers, licences, probes."""
