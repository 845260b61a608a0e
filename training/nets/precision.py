"""Choose the device and the precision of training; bfloat16 only where it is not emulated."""

from __future__ import annotations

from functools import cache

import torch


@cache
def device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@cache
def has_bfloat16() -> bool:
    """Training is several times faster with it, and more than twice slower where it is emulated."""
    if device().type == "cuda":
        return torch.cuda.is_bf16_supported()
    known = torch.cpu.get_capabilities()
    return any(there and "bf16" in name for name, there in known.items())


def mixed() -> torch.autocast:
    """The context of every forward pass."""
    return torch.autocast(device().type, torch.bfloat16, enabled=has_bfloat16())
