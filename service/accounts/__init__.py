"""Who uses the gateway and the console: users, their passwords, tokens and sessions."""

from __future__ import annotations

from service.accounts.accounts import Accounts
from service.accounts.people import People

__all__ = ["Accounts", "People"]
