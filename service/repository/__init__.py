"""Model folders: manifests, checksums, and which of them are in force."""
