"""Signed answers: whoever keeps one can prove later what this service said."""

from service.signing.keys import SigningKeys

__all__ = ["SigningKeys"]
