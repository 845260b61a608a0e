"""What a build of this program honours, which no setting of an installation changes.

A vendor who sells by licences puts an empty file `vendor-only` beside his `vendor.pub`
(`--build-arg VENDOR_LICENCES_ONLY=1` for the image). Such a build honours licences that he has
signed, and no others. docs/licences.md says what that stops, and whom it does not.
"""

from __future__ import annotations

from pathlib import Path

from service.errors import StartupError

MARKER = Path(__file__).with_name("vendor-only")
KEY = Path(__file__).with_name("vendor.pub")


def vendor_only() -> bool:
    """Whether licences must be signed by the vendor."""
    return MARKER.exists()


def refuse_own_licences() -> None:
    """Raises StartupError where an installation may not make licences."""
    if vendor_only():
        raise StartupError(
            "This build honours licences that its vendor has signed, and no others.",
            "Ask the vendor for a licence file; `facegate licence import` takes it.",
        )


def vendors_key(setting: Path) -> Path:
    """Where the vendor's public key lies: in the build, or where a setting says."""
    return KEY if vendor_only() else setting
