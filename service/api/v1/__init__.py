"""Our own contract, `/v1/...`."""
