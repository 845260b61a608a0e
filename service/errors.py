"""Every error that a user can meet.

FacegateError                     500 INTERNAL_ERROR
├── RequestError                  400 BAD_REQUEST
│   ├── WrongForm                 403 WRONG_FORM
│   ├── RouteNotFound             404 NOT_FOUND
│   ├── MethodNotAllowed          405 METHOD_NOT_ALLOWED
│   ├── TooSlow                   408 REQUEST_TIMEOUT
│   ├── BodyTooLarge              413 BODY_TOO_LARGE
│   ├── AddressTooLong            414 ADDRESS_TOO_LONG
│   ├── WrongMediaType            415 WRONG_MEDIA_TYPE
│   ├── RangeBeyondEnd            416 RANGE_BEYOND_END
│   └── HeadersTooLarge           431 HEADERS_TOO_LARGE
├── ImageError                    400 INVALID_IMAGE
│   └── ImageTooLarge             413 IMAGE_TOO_LARGE
├── MediaError                    400 INVALID_MEDIA
│   ├── NoPictures                400 NO_PICTURES
│   ├── NoSound                   400 NO_SOUND
│   ├── SeveralTracks             400 SEVERAL_TRACKS
│   ├── MediaTooLarge             413 MEDIA_TOO_LARGE
│   ├── MediaTooLong              413 MEDIA_TOO_LONG
│   └── MediaTooComplex           422 MEDIA_TOO_COMPLEX
├── FetchError                    400 URL_NOT_FETCHED
│   └── AddressRefused            400 URL_REFUSED
├── CannotJudge                   422 one of `Reason`
├── ProvenanceRefused             422 PROVENANCE_REFUSED
├── LicenceError                  401 LICENCE_UNKNOWN
│   ├── LicenceExpired            403 LICENCE_EXPIRED
│   ├── LicenceRevoked            403 LICENCE_REVOKED
│   ├── FeatureNotLicensed        403 FEATURE_NOT_LICENSED
│   └── QuotaExceeded             429 QUOTA_EXCEEDED
├── Unreadable                    400 UNREADABLE
├── UnsupportedMedia              415 UNSUPPORTED_MEDIA
├── CloudError                    502 CLOUD_FAILED
│   ├── NoCredentials             502 NO_CREDENTIALS
│   ├── CloudDenied               502 ACCESS_DENIED
│   ├── BucketNotFound            404 NO_SUCH_BUCKET
│   ├── ObjectNotFound            404 NO_SUCH_KEY
│   ├── ObjectArchived            409 OBJECT_ARCHIVED
│   ├── WrongRegion               502 WRONG_REGION
│   ├── ClockSkew                 502 CLOCK_SKEW
│   ├── ConditionFailed           409 ALREADY_RECORDED
│   └── CloudUnavailable          503 CLOUD_UNAVAILABLE
├── InferenceFailed               500 INFERENCE_FAILED
├── BadMessage                    400 BAD_MESSAGE
├── CallbackRefused               502 CALLBACK_REFUSED
├── CallbackUnavailable           503 CALLBACK_UNAVAILABLE
├── AccountError                  401 UNAUTHORISED
│   ├── WrongToken                401 WRONG_TOKEN
│   ├── WrongPassword             401 WRONG_PASSWORD
│   ├── SessionEnded              401 SESSION_ENDED
│   ├── NotAllowed                403 NOT_ALLOWED
│   ├── UserNotFound              404 USER_NOT_FOUND
│   ├── LastAdministrator         409 LAST_ADMINISTRATOR
│   ├── UserExists                409 USER_EXISTS
│   └── TooManyAttempts           429 TOO_MANY_ATTEMPTS
├── ChallengeError                403 CHALLENGE_UNKNOWN
│   ├── ChallengeMissing          403 CHALLENGE_MISSING
│   ├── ChallengeExpired          403 CHALLENGE_EXPIRED
│   └── ChallengeUsed             403 CHALLENGE_USED
├── ResultNotFound                404 RESULT_NOT_FOUND
│   └── JobNotFound               404 JOB_NOT_FOUND
├── TooManyJobs                   429 TOO_MANY_JOBS
├── JobAbandoned                  500 JOB_ABANDONED
├── Unavailable                   503 NOT_READY
│   ├── Overloaded                503 OVERLOADED
│   ├── NoDetectorAnswered        503 DETECTORS_FAILED
│   ├── JobsFull                  503 JOBS_FULL
│   ├── AuditUnavailable          503 AUDIT_UNAVAILABLE
│   ├── SigningUnavailable        503 SIGNING_UNAVAILABLE
│   └── StoreUnavailable          503 STORE_UNAVAILABLE
│       └── StoreTooSlow          503 STORE_TOO_SLOW
└── StartupError                  500 CANNOT_START (one sentence and a remedy; never an answer)

A class attribute `sentence` is what a caller reads; nothing else of an exception leaves here.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Why a medium cannot be judged, or can be judged only with a warning."""

    FACE_NOT_FOUND = "FACE_NOT_FOUND"
    TOO_MANY_FACES = "TOO_MANY_FACES"
    FACE_TOO_SMALL = "FACE_TOO_SMALL"
    FACE_CROPPED = "FACE_CROPPED"
    FACE_CLOSE_TO_BORDER = "FACE_CLOSE_TO_BORDER"
    FACE_IS_OCCLUDED = "FACE_IS_OCCLUDED"
    FACE_ANGLE_TOO_LARGE = "FACE_ANGLE_TOO_LARGE"
    IMAGE_TOO_BLURRY = "IMAGE_TOO_BLURRY"
    IMAGE_TOO_DARK = "IMAGE_TOO_DARK"
    IMAGE_TOO_BRIGHT = "IMAGE_TOO_BRIGHT"
    VIDEO_TOO_SHORT = "VIDEO_TOO_SHORT"
    NO_SPEECH = "NO_SPEECH"
    SPEECH_TOO_SHORT = "SPEECH_TOO_SHORT"
    AUDIO_TOO_NOISY = "AUDIO_TOO_NOISY"
    AUDIO_CLIPPED = "AUDIO_CLIPPED"


SENTENCES: dict[Reason, str] = {
    Reason.FACE_NOT_FOUND: "No face was found in the selfie image.",
    Reason.TOO_MANY_FACES: "The selfie image shows more than one prominent face.",
    Reason.FACE_TOO_SMALL: "The face in the selfie image is too small to be judged.",
    Reason.FACE_CROPPED: "Part of the face lies outside the selfie image.",
    Reason.FACE_CLOSE_TO_BORDER: "The face is too close to the border of the selfie image.",
    Reason.FACE_IS_OCCLUDED: "Part of the face is covered.",
    Reason.FACE_ANGLE_TOO_LARGE: "The face is turned too far away from the camera.",
    Reason.IMAGE_TOO_BLURRY: "The selfie image is too blurry.",
    Reason.IMAGE_TOO_DARK: "The selfie image is too dark.",
    Reason.IMAGE_TOO_BRIGHT: "The selfie image is too bright.",
    Reason.VIDEO_TOO_SHORT: "The video shows the face for too short a time.",
    Reason.NO_SPEECH: "Nobody speaks in the recording.",
    Reason.SPEECH_TOO_SHORT: "There is too little speech in the recording to be judged.",
    Reason.AUDIO_TOO_NOISY: "The recording is too noisy.",
    Reason.AUDIO_CLIPPED: "The recording is clipped: it was recorded too loudly.",
}


class FacegateError(Exception):
    """Root of the tree. `code` and `status` are what HTTP shows; `sentence` is for people."""

    code = "INTERNAL_ERROR"
    status = 500
    sentence = "The service could not handle this request."
    retry_after: int | None = None  # seconds

    def __init__(self, sentence: str | None = None) -> None:
        if sentence is not None:
            self.sentence = sentence
        super().__init__(self.sentence)


class RequestError(FacegateError):
    code, status = "BAD_REQUEST", 400
    sentence = "The request could not be understood."


class WrongForm(RequestError):
    """The token against forged requests is missing or wrong."""

    code, status = "WRONG_FORM", 403
    sentence = "This form is too old or was not made by this page; load the page again."


class RouteNotFound(RequestError):
    code, status = "NOT_FOUND", 404
    sentence = "This service has nothing at this address."


class MethodNotAllowed(RequestError):
    code, status = "METHOD_NOT_ALLOWED", 405
    sentence = "This address does not answer to this method."


class TooSlow(RequestError):
    code, status = "REQUEST_TIMEOUT", 408
    sentence = "The request took too long to arrive."


class BodyTooLarge(RequestError):
    code, status = "BODY_TOO_LARGE", 413
    sentence = "The request body is larger than this service accepts."


class AddressTooLong(RequestError):
    code, status = "ADDRESS_TOO_LONG", 414
    sentence = "The address of the request is too long; send long fields in a form by POST."


class HeadersTooLarge(RequestError):
    code, status = "HEADERS_TOO_LARGE", 431
    sentence = "The request has too many headers, or one that is too long."


class WrongMediaType(RequestError):
    code, status = "WRONG_MEDIA_TYPE", 415
    sentence = "The request must be JSON or multipart form data."


class RangeBeyondEnd(RequestError):
    code, status = "RANGE_BEYOND_END", 416
    sentence = "The file has no such part."


class ImageError(FacegateError):
    code, status = "INVALID_IMAGE", 400
    sentence = "This is no whole image in JPEG, PNG, HEIF (HEIC), AVIF, WebP, BMP or TIFF format."


# The same in the words of the published contract, the missing space included: POST /liveness.
CORRUPT_SELFIE = "Invalid or corrupt selfie image.Images must be in PNG, JPG, or JPEG format"


class ImageTooLarge(ImageError):
    code, status = "IMAGE_TOO_LARGE", 413
    sentence = "The selfie image has more pixels than this service accepts."


class MediaError(FacegateError):
    code, status = "INVALID_MEDIA", 400
    sentence = "This is no whole video or recording in a format that this service decodes."


class NoPictures(MediaError):
    code = "NO_PICTURES"
    sentence = "There are no pictures in this video."


class NoSound(MediaError):
    code = "NO_SOUND"
    sentence = "There is no sound in this file."


class SeveralTracks(MediaError):
    code = "SEVERAL_TRACKS"
    sentence = (
        "This file holds several videos, and players differ in which one they show; send one."
    )


class MediaTooLarge(MediaError):
    code, status = "MEDIA_TOO_LARGE", 413
    sentence = "The frames of the video have more pixels than this service accepts."


class MediaTooLong(MediaError):
    code, status = "MEDIA_TOO_LONG", 413
    sentence = "The video or recording is longer than is accepted here; see /v1/jobs for long ones."


class MediaTooComplex(MediaError):
    code, status = "MEDIA_TOO_COMPLEX", 422
    sentence = "Decoding this file takes more time or memory than this service allows."


class FetchError(FacegateError):
    code, status = "URL_NOT_FETCHED", 400
    sentence = "The address could not be fetched."

    def __init__(self, sentence: str | None = None, *, permanent: bool = False) -> None:
        """permanent: another attempt would give the same."""
        self.permanent = permanent
        super().__init__(sentence)


class AddressRefused(FetchError):
    """One sentence for a private address and for an unknown name: a caller must not learn which
    names exist inside."""

    code = "URL_REFUSED"
    sentence = "The address cannot be resolved, or this service does not fetch from it."

    def __init__(self, sentence: str | None = None, *, permanent: bool = True) -> None:
        super().__init__(sentence, permanent=permanent)


class CannotJudge(FacegateError):
    """The image is sound, but no honest score can be given; `code` is the `Reason`."""

    status = 422

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        self.code = reason.value
        super().__init__(SENTENCES[reason])


class ProvenanceRefused(FacegateError):
    """A rule of the operator's on where pictures may come from holds."""

    code, status = "PROVENANCE_REFUSED", 422
    sentence = "Where this image comes from is not accepted; send one as the camera took it."

    def __init__(self, rule: str = "", why: str | None = None) -> None:
        """why: the rule's sentence."""
        self.rule = rule
        super().__init__(why and f"{why} Send a picture as the camera took it.")


class LicenceError(FacegateError):
    code, status = "LICENCE_UNKNOWN", 401
    sentence = "This hash_id is not known."


class LicenceExpired(LicenceError):
    code, status = "LICENCE_EXPIRED", 403
    sentence = "The licence of this hash_id has expired."


class LicenceRevoked(LicenceError):
    code, status = "LICENCE_REVOKED", 403
    sentence = "The licence of this hash_id has been revoked."


class FeatureNotLicensed(LicenceError):
    code, status = "FEATURE_NOT_LICENSED", 403
    sentence = "The licence of this hash_id does not include this feature."


class QuotaExceeded(LicenceError):
    code, status = "QUOTA_EXCEEDED", 429
    sentence = "The quota of this hash_id is used up."

    def __init__(self, retry_after: int | None = None) -> None:
        self.retry_after = retry_after
        super().__init__()


class Unreadable(FacegateError):
    code, status = "UNREADABLE", 400
    sentence = "The file cannot be read."


class UnsupportedMedia(FacegateError):
    code, status = "UNSUPPORTED_MEDIA", 415
    sentence = "There is no model here that judges this kind of medium."


class CloudError(FacegateError):
    code, status = "CLOUD_FAILED", 502
    sentence = "AWS did not answer as expected."


class NoCredentials(CloudError):
    code = "NO_CREDENTIALS"
    sentence = "No AWS credentials were found; `facegate aws setup` sets them up."


class CloudDenied(CloudError):
    code = "ACCESS_DENIED"
    sentence = "AWS denied access; `facegate aws check` tells what these credentials may do."


class BucketNotFound(CloudError):
    code, status = "NO_SUCH_BUCKET", 404
    sentence = "There is no such bucket."


class ObjectNotFound(CloudError):
    code, status = "NO_SUCH_KEY", 404
    sentence = "There is no such object in the bucket."


class ObjectArchived(CloudError):
    code, status = "OBJECT_ARCHIVED", 409
    sentence = "The object is archived (S3 Glacier); restore it before it can be read."


class WrongRegion(CloudError):
    code = "WRONG_REGION"
    sentence = "The bucket lies in another region; set AWS_REGION to it."


class ClockSkew(CloudError):
    code = "CLOCK_SKEW"
    sentence = "AWS refused the signature: this machine's clock is wrong."


class ConditionFailed(CloudError):
    code, status = "ALREADY_RECORDED", 409
    sentence = "The table has this item already, or it was changed meanwhile."


class CloudUnavailable(CloudError):
    code, status = "CLOUD_UNAVAILABLE", 503
    sentence = "AWS cannot be reached, or asks to slow down."
    retry_after = 5


class InferenceFailed(FacegateError):
    code, status = "INFERENCE_FAILED", 500
    sentence = "Inference failed"


class BadMessage(FacegateError):
    code, status = "BAD_MESSAGE", 400
    sentence = "The message could not be understood."


class CallbackRefused(FacegateError):
    code, status = "CALLBACK_REFUSED", 502
    sentence = "The callback address did not accept the result."


class CallbackUnavailable(FacegateError):
    code, status = "CALLBACK_UNAVAILABLE", 503
    sentence = "The callback address did not answer."


class AccountError(FacegateError):
    code, status = "UNAUTHORISED", 401
    sentence = "This needs a user's token; POST /token gives one."


class WrongToken(AccountError):
    code = "WRONG_TOKEN"
    sentence = "This token is not valid."


class WrongPassword(AccountError):
    code = "WRONG_PASSWORD"
    sentence = "User name or password is wrong."


class SessionEnded(AccountError):
    code = "SESSION_ENDED"
    sentence = "Your session has ended; please log in again."


class NotAllowed(AccountError):
    code, status = "NOT_ALLOWED", 403
    sentence = "Your role does not include this page."


class UserNotFound(AccountError):
    code, status = "USER_NOT_FOUND", 404
    sentence = "There is no user of this name."


class LastAdministrator(AccountError):
    code, status = "LAST_ADMINISTRATOR", 409
    sentence = "This is the last administrator; make another one first."


class UserExists(AccountError):
    code, status = "USER_EXISTS", 409
    sentence = "This user name is taken."


class TooManyAttempts(AccountError):
    code, status = "TOO_MANY_ATTEMPTS", 429
    sentence = "There were too many attempts; please try again later."

    def __init__(self, retry_after: int | None = None) -> None:
        self.retry_after = retry_after
        super().__init__()


class ChallengeError(FacegateError):
    code, status = "CHALLENGE_UNKNOWN", 403
    sentence = "This challenge was not given to this hash_id or user."


class ChallengeMissing(ChallengeError):
    code = "CHALLENGE_MISSING"
    sentence = "This site wants a challenge with each picture; POST /v1/sessions gives one."


class ChallengeExpired(ChallengeError):
    code = "CHALLENGE_EXPIRED"
    sentence = "This challenge has expired; take another picture with a new one."


class ChallengeUsed(ChallengeError):
    code = "CHALLENGE_USED"
    sentence = "This challenge was used before; take another picture with a new one."


class ResultNotFound(FacegateError):
    code, status = "RESULT_NOT_FOUND", 404
    sentence = "No result with this id is kept for this hash_id."


class JobNotFound(ResultNotFound):
    code = "JOB_NOT_FOUND"
    sentence = "No job with this id is kept for this hash_id."


class TooManyJobs(FacegateError):
    code, status = "TOO_MANY_JOBS", 429
    sentence = "This hash_id has as many unfinished jobs as it may have; wait for one to end."
    retry_after = 10


class JobAbandoned(FacegateError):
    code, status = "JOB_ABANDONED", 500
    sentence = "The job was begun several times and never came to its end; it is given up."


class Unavailable(FacegateError):
    code, status = "NOT_READY", 503
    sentence = "The service is not ready yet."
    retry_after = 5


class Overloaded(Unavailable):
    code = "OVERLOADED"
    sentence = "The service is busy; please try again shortly."
    retry_after = 1


class NoDetectorAnswered(Unavailable):
    code = "DETECTORS_FAILED"
    sentence = "None of the detectors answered."


class JobsFull(Unavailable):
    code = "JOBS_FULL"
    sentence = "There is no room for another job; please try again later."
    retry_after = 30


class AuditUnavailable(Unavailable):
    code = "AUDIT_UNAVAILABLE"
    sentence = "The audit log cannot be written, and nothing is judged without it here."


class SigningUnavailable(Unavailable):
    code = "SIGNING_UNAVAILABLE"
    sentence = "The answer cannot be signed: the keys are not to be had."


class StoreUnavailable(Unavailable):
    code = "STORE_UNAVAILABLE"
    sentence = "The store of licences and results cannot be reached."


class StoreTooSlow(StoreUnavailable):
    """The store is there, but did not look through everything in time; `found` is the part."""

    code = "STORE_TOO_SLOW"
    sentence = "The store took too long for this question: ask for a shorter time."

    def __init__(self, found: Sequence[Any] = ()) -> None:
        self.found = found
        super().__init__()


class StartupError(FacegateError):
    """Why the service does not start: `sentence` says what is wrong, `remedy` what to do."""

    code = "CANNOT_START"

    def __init__(self, sentence: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(sentence)
