"""Who may ask: `hash_id` in, a `Grant` out."""

from service.licensing.development import development_licence
from service.licensing.files import check_licences
from service.licensing.grant import Grant
from service.licensing.licensing import Licensing
from service.licensing.status import LicenceStatus

__all__ = ["Grant", "LicenceStatus", "Licensing", "check_licences", "development_licence"]
