"""The AWS edge: it carries bytes to the one Analyzer and its answer back; nothing else judges."""
