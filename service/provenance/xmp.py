"""What an XMP packet says of its picture's making, by patterns: no XML parser, so no entities."""

from __future__ import annotations

import re

FIELDS = ("CreatorTool", "softwareAgent", "Credit", "UserComment", "Software", "ImageSource")
FIELD = re.compile(rf'\b({"|".join(FIELDS)})(?:="|\s*>)([^"<]{{1,512}})')
ITEM = re.compile(r"<(?:\w+:)?(UserComment|Credit)>\s*<rdf:Alt>\s*<rdf:li[^>]{0,80}>([^<]{1,512})")
SOURCE = re.compile(r"digitalsourcetype/([A-Za-z]{1,64})", re.IGNORECASE)
MOST = 16


def fields(packet: str) -> list[tuple[str, str]]:
    """Fields that name software, and their texts."""
    found = [*FIELD.findall(packet)[:MOST], *ITEM.findall(packet)[:MOST]]
    return [(f"xmp:{name}", text.strip()) for name, text in found]


def source_type(packet: str) -> str | None:
    """IPTC's term for the digital source, where the packet has one."""
    found = SOURCE.search(packet)
    return found[1] if found else None
