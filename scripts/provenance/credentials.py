"""C2PA manifests signed with certificates that are made here and trusted by nobody."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CREATED = {"action": "c2pa.created", "digitalSourceType": SOURCES + "trainedAlgorithmicMedia"}
CAPTURED = {"action": "c2pa.created", "digitalSourceType": SOURCES + "digitalCapture"}
EDITED = {"action": "c2pa.color_adjustments"}


def signed(data: bytes) -> dict[str, list[bytes | None]]:
    """A JPEG with manifests, by the rule that each is meant for; nothing without `c2pa-python`."""
    try:
        import c2pa  # noqa: F401
    except ImportError:
        return {}
    generated, edited = with_manifest(data, CREATED), with_manifest(data, CAPTURED, EDITED)
    return {
        "credentials_ai_generated": [generated],
        "credentials_edited": [edited],
        "credentials_invalid": [changed(edited)],
    }


def changed(data: bytes) -> bytes:
    """The same with one byte of its first segment changed, after it was signed."""
    at = data.index(b"JFIF\0") + 9  # its density, which no decoder minds
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def with_manifest(data: bytes, *actions: dict[str, str]) -> bytes:
    """A JPEG whose manifest names these actions."""
    import c2pa

    label = {"label": "c2pa.actions", "data": {"actions": list(actions)}}
    manifest = {"claim_generator": "tests/1.0", "format": "image/jpeg", "assertions": [label]}
    chain, key = certificates()
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, chain, key, None)
    written = io.BytesIO()
    with c2pa.Builder(json.dumps(manifest)) as builder, c2pa.Signer.from_info(info) as signer:
        builder.sign(signer, "image/jpeg", io.BytesIO(data), written)
    return written.getvalue()


@cache
def certificates() -> tuple[bytes, bytes]:
    """A chain of two, and the key of the first."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Test Root", root_key, "Test Root", root_key, authority=True)
    leaf = _certificate("Test Signer", key, "Test Root", root_key, authority=False)
    pem = serialization.Encoding.PEM
    chain = leaf.public_bytes(pem) + root.public_bytes(pem)
    form = serialization.PrivateFormat.PKCS8
    return chain, key.private_bytes(pem, form, serialization.NoEncryption())


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(_usage(authority), critical=True)
    )
    if not authority:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
        ]
    )


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        **dict.fromkeys(
            (
                *("content_commitment", "key_encipherment", "data_encipherment"),
                *("key_agreement", "encipher_only", "decipher_only"),
            ),
            False,
        ),
    )
