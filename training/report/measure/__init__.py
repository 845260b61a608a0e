"""Scores of photographs, and what a report states of them."""
