"""The core: bytes in, a judgement out. Knows no HTTP, no database, no cloud."""
