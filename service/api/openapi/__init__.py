"""The OpenAPI document of all contracts."""
