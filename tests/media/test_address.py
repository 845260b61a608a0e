"""Addresses in every form that AWS prints."""

from __future__ import annotations

import pytest

from service.media.address import Address, parse


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("s3://bucket/a/b.jpg", Address("bucket", "a/b.jpg")),
        ("S3://bucket/a%20b.jpg", Address("bucket", "a%20b.jpg")),
        ("s3://bucket", Address("bucket", "")),
        (
            "https://my.bucket.s3.eu-west-1.amazonaws.com/a%20b.jpg",
            Address("my.bucket", "a b.jpg", "eu-west-1"),
        ),
        ("https://bucket.s3.amazonaws.com/a.jpg", Address("bucket", "a.jpg")),
        ("https://bucket.s3-eu-west-1.amazonaws.com/a", Address("bucket", "a", "eu-west-1")),
        ("https://s3.us-gov-west-1.amazonaws.com/b-1/a", Address("b-1", "a", "us-gov-west-1")),
    ],
)
def test_an_address_is_understood(text: str, found: Address) -> None:
    assert parse(text) == found
    assert parse(found.url()) == found


@pytest.mark.parametrize(
    "text",
    [
        *("selfie.jpg", "s3://", "s3:///key", "s3://UPPER/key", "https://example.com/a.jpg"),
        *("http://bucket.s3.amazonaws.com/a", "https://[broken/a", "-"),
        "https://bucket.s3.amazonaws.com.evil.example/a.jpg",
        "https://bucket.s3.eu-west-1.amazonaws.com/a.jpg?X-Amz-Signature=abc",
    ],
)
def test_what_is_something_else_is_left_alone(text: str) -> None:
    assert parse(text) is None


def test_a_prefix_ends_with_a_slash() -> None:
    assert Address("b", "").is_prefix
    assert Address("b", "a/").is_prefix
    assert not Address("b", "a").is_prefix
