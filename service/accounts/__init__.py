"""Who uses the gateway: users, their passwords and their tokens."""

from __future__ import annotations

from service.accounts.accounts import Accounts

__all__ = ["Accounts"]
