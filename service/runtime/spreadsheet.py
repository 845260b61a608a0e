"""Cells of CSV files, which spreadsheets open and reckon with."""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet takes such a cell for a program


def harmless(cell: object) -> object:
    """A text that a spreadsheet shows as it is: names come from those who upload."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
