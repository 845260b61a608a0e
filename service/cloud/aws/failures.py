"""Turn AWS's errors into ours, each with one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from service.errors import (
    BucketNotFound,
    ClockSkew,
    CloudDenied,
    CloudError,
    CloudUnavailable,
    ConditionFailed,
    NoCredentials,
    ObjectArchived,
    ObjectNotFound,
    WrongRegion,
)

BY_CODE: dict[str, type[CloudError]] = {
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName"), BucketNotFound),
    **dict.fromkeys(("NoSuchKey", "NoSuchVersion", "404", "NotFound"), ObjectNotFound),
    "KeyTooLongError": ObjectNotFound,
    "InvalidObjectState": ObjectArchived,
    "ConditionalCheckFailedException": ConditionFailed,
    **dict.fromkeys(
        ("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraint"),
        WrongRegion,
    ),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"), ClockSkew),
    **dict.fromkeys(
        (
            *("AccessDenied", "AccessDeniedException", "403", "Forbidden", "AllAccessDisabled"),
            *("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId"),
            *("UnrecognizedClientException", "ExpiredToken", "ExpiredTokenException"),
            *("InvalidToken", "InvalidSecurity", "AuthFailure"),
        ),
        CloudDenied,
    ),
    **dict.fromkeys(
        (
            *("SlowDown", "Throttling", "ThrottlingException", "RequestThrottled"),
            *("RequestLimitExceeded", "ServiceUnavailable", "InternalError", "RequestTimeout"),
            *("TooManyRequestsException", "ProvisionedThroughputExceededException"),
        ),
        CloudUnavailable,
    ),
}

BY_KIND: tuple[tuple[tuple[type[Exception], ...], Callable[[], CloudError]], ...] = (
    ((NoCredentialsError, PartialCredentialsError), NoCredentials),
    ((NoRegionError,), lambda: WrongRegion("No AWS region was given; set AWS_REGION.")),
    ((ProfileNotFound,), lambda: NoCredentials("There is no such AWS profile; see AWS_PROFILE.")),
    ((ConnectionError, HTTPClientError, IncompleteReadError), CloudUnavailable),
    (
        (ValueError,),
        lambda: CloudError("The AWS endpoint is no valid address; see AWS_ENDPOINT_URL."),
    ),
)


@contextmanager
def failures_told() -> Iterator[None]:
    """Turns what boto3 raises into CloudError and its kin."""
    try:
        yield
    except (BotoCoreError, ClientError, ValueError) as error:
        raise told(error) from None


def told(error: Exception) -> CloudError:
    """Our error for one of boto3's."""
    if isinstance(error, ClientError):
        return _answered(error)
    make = next((make for kinds, make in BY_KIND if isinstance(error, kinds)), CloudError)
    return make()


def _answered(error: ClientError) -> CloudError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in BY_CODE:
        return BY_CODE[code]()
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return CloudUnavailable() if status in (429, 500, 503) else CloudError()
