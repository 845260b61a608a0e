"""Judging millions of stored selfies again: planned once, in shards, each written whole or not."""
