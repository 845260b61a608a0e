"""bfloat16 only where the CPU computes with it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from training.nets import precision  # noqa: E402


@pytest.mark.parametrize(
    ("capabilities", "kind"),
    [
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({"avx512_f": True, "avx512_bf16": True}, torch.bfloat16),
        ({"avx512_f": True, "amx_bf16": True}, torch.bfloat16),
    ],
)
def test_by_what_the_cpu_has(
    capabilities: dict[str, bool], kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    precision.has_bfloat16.cache_clear()
    with precision.mixed():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == kind
    precision.has_bfloat16.cache_clear()
