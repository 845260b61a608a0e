"""The console at /console: pages where people look, decide and export."""

from __future__ import annotations

from service.web.install import install

__all__ = ["install"]
