"""Judge millions of stored selfies again, in shards; each shard is written whole or not at all."""
