"""One module per published contract: parse, call, render."""
