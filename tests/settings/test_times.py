"""Times have an end: what no clock, date or socket can hold is refused at the start."""

from __future__ import annotations

import pytest

from service.errors import StartupError
from service.settings import Settings, load_settings

NUMBERS = {n: f for n, f in Settings.model_fields.items() if f.annotation in {float, int}}
DECIMALS = [name for name, field in NUMBERS.items() if field.annotation is float]
TIMES = [name for name, field in NUMBERS.items() if "seconds" in str(field.description)]
CONNECTIONS = (
    *("client_timeout", "queue_timeout", "fetch_timeout", "callback_timeout"),
    *("store_timeout", "store_retry", "graceful_timeout", "session_ttl"),
)


def refusal(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    """The sentence with which a value is refused."""
    monkeypatch.setenv(f"FACEGATE_{name.upper()}", value)
    with pytest.raises(StartupError) as caught:
        load_settings()
    assert f"FACEGATE_{name.upper()} is unusable" in caught.value.sentence
    return caught.value.sentence


@pytest.mark.parametrize("name", DECIMALS)
@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_no_number_is_endless(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert "Input should be" in refusal(monkeypatch, name, value)


@pytest.mark.parametrize("name", TIMES)
def test_no_time_is_longer_than_a_century(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert "less than or equal to" in refusal(monkeypatch, name, "3200000000")


@pytest.mark.parametrize("name", CONNECTIONS)
def test_no_connection_is_waited_for_longer_than_a_day(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert "less than or equal to 86400" in refusal(monkeypatch, name, "86401")


@pytest.mark.parametrize("name", sorted({*TIMES} - {*CONNECTIONS}))
def test_ten_years_are_accepted(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"FACEGATE_{name.upper()}", "315360000")
    assert getattr(load_settings(), name) == 315360000
