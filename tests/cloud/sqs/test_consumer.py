"""The consumer in this process: what becomes of each kind of message."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from service.cloud.aws.session import Cloud
from service.cloud.consumer import Consumer
from service.cloud.sqs.statistics import Statistics
from service.judging.loader import Loader
from service.settings import Settings
from tests import clips
from tests.aws import Aws
from tests.cloud.sqs.queues import Letters, close_stores, make_consumer, through
from tests.images import genuine
from tests.live import steady_models, steady_presentation
from tests.receiver import Receiver
from tests.servers import MongoServer
from tests.sites import Site, page
from tests.voices import SPOKEN
from tests.waiting import eventually

Consume = Callable[..., Statistics]


@pytest.fixture
def selfie(aws: Aws, bucket: str) -> str:
    """The address of a selfie in S3."""
    s3 = aws.client("s3")
    s3.put_object(Bucket=bucket, Key="a b.jpg", Body=genuine(), ContentType="image/jpeg")
    return f"s3://{bucket}/a b.jpg"


# Of what is remembered of a message; what else becomes of one is the same with each store.
EACH_STORE = pytest.mark.parametrize("store", ["sqlite", "mongo"], indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings of a store that remembers; MongoDB with the schema that we ship."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return {"store": "sqlite"}
    server: MongoServer = request.getfixturevalue("mongo_server")
    name = server.with_schema(uuid4().hex)
    patient = {"store_timeout": 10.0, "mongodb_database": name}
    return {"store": "mongo", "mongodb_uri": server.uri} | patient


@pytest.fixture
def consume(
    tmp_path: Path, loader: Loader, cloud: Cloud, letters: Letters, store: dict[str, Any]
) -> Iterator[Consume]:
    """One poll until its messages are done with; keyword arguments are settings."""
    lost = REGISTRY.get_sample_value("facegate_store_errors_total", {"operation": "put_result"})

    def run(handler: Any = None, **settings: Any) -> Statistics:
        more = store | settings
        consumer: Consumer = make_consumer(tmp_path, loader, cloud, letters, **more)
        return consumer.start_consuming(run_once=True, message_handler=handler)

    yield run
    now = REGISTRY.get_sample_value("facegate_store_errors_total", {"operation": "put_result"})
    assert now == lost, "the store refused what became of a message"


@EACH_STORE
def test_a_message_is_judged_posted_and_deleted(
    letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    message = {
        "sqs_to_ml_url": selfie,
        "callback_url": receiver.url,
        "request_id": "r-1",
        "metadata": {"user": 7},
    }
    letters.send(message)
    assert consume().processed == 1
    (post,) = receiver.posts
    assert letters.left() == 0
    assert (post.result["label"], post.result["confidence"]) == ("FAKE", 0.977)
    assert post.result["original_message"] == message
    assert post.result["metadata"] == {"user": 7}
    assert post.result["queue_url"] == letters.url
    assert post.result["s3_file_info"]["size"] == len(genuine())


@EACH_STORE
def test_a_consumer_that_ended_leaves_no_thread_behind(consume: Consume) -> None:
    before = set(threading.enumerate())
    consume()
    close_stores()
    eventually(lambda: not {one.name for one in set(threading.enumerate()) - before})


def test_what_was_found_besides_is_a_warning_in_the_result(
    tmp_path: Path, letters: Letters, selfie: str, receiver: Receiver, cloud: Cloud
) -> None:
    folder = steady_models(tmp_path / "models", 0.233)
    steady_presentation(folder, 0.9)
    loader = Loader.load(Settings(models_dir=folder, store="null"))
    letters.send({"sqs_to_ml_url": selfie, "callback_url": receiver.url, "request_id": "r-1"})
    consumer = make_consumer(tmp_path, loader, cloud, letters, store="sqlite")
    assert consumer.start_consuming(run_once=True).processed == 1
    (post,) = receiver.posts
    assert post.result["label"] == "REAL"
    assert post.result["warnings"] == [{"task": "presentation_attack", "score": 0.9}]


def test_the_threshold_of_the_message_counts(
    letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    letters.send(
        {"sqs_to_ml_url": selfie, "callback_url": receiver.url, "confidence_threshold": 0.99}
    )
    consume()
    assert receiver.posts[0].result["label"] == "REAL"


def test_a_post_is_signed(
    letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    letters.send({"sqs_to_ml_url": selfie, "callback_url": receiver.url})
    consume(callback_secret="k")
    post = receiver.posts[0]
    seconds, mac = (part[part.index("=") + 1 :] for part in post.headers[SIGNATURE].split(","))
    signed = f"{seconds}.".encode() + post.body
    assert hmac.compare_digest(mac, hmac.new(b"k", signed, hashlib.sha256).hexdigest())


SIGNATURE = "x-facegate-signature"


def test_without_a_key_nothing_is_signed(
    letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    letters.send({"sqs_to_ml_url": selfie, "callback_url": receiver.url})
    consume()
    assert SIGNATURE not in receiver.posts[0].headers


@EACH_STORE
def test_an_upload_is_judged_without_a_lambda(
    aws: Aws, bucket: str, letters: Letters, receiver: Receiver, consume: Consume
) -> None:
    notify(aws, bucket, letters)
    aws.client("s3").put_object(Bucket=bucket, Key="folder/a b+c.jpg", Body=genuine())
    seen: list[dict[str, Any]] = []
    consume(seen.append)
    assert [one["sqs_to_ml_url"] for one in seen] == [f"s3://{bucket}/folder/a b+c.jpg"]
    assert letters.left() == 0


def notify(aws: Aws, bucket: str, letters: Letters) -> None:
    arn = letters.sqs.get_queue_attributes(QueueUrl=letters.url, AttributeNames=["QueueArn"])
    queue = {"QueueArn": arn["Attributes"]["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
    aws.client("s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [queue]}
    )


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "[]",
        "{}",
        '{"sqs_to_ml_url": ""}',
        '{"sqs_to_ml_url": "/etc/passwd"}',
        '{"sqs_to_ml_url": "file:///etc/passwd"}',
        '{"sqs_to_ml_url": "s3://bucket/a", "confidence_threshold": 2}',
        '{"Records": [{"eventName": "ObjectCreated:Put"}]}',
    ],
)
def test_poison_goes_to_the_dead_letters_with_a_reason(
    letters: Letters, consume: Consume, body: str
) -> None:
    letters.send(body)
    assert consume().failed == 1
    assert letters.dead() == [("BAD_MESSAGE", body)]
    assert letters.left() == 0


@EACH_STORE
def test_a_video_end_to_end(
    aws: Aws, bucket: str, letters: Letters, receiver: Receiver, consume: Consume
) -> None:
    film = clips.video(clips.faces(8), sound=1.0)
    aws.client("s3").put_object(Bucket=bucket, Key="film.mp4", Body=film)
    letters.send({"sqs_to_ml_url": f"s3://{bucket}/film.mp4", "callback_url": receiver.url})
    assert consume().processed == 1
    found = receiver.posts[0].result
    assert (found["file_type"], found["s3_file_info"]["size"]) == ("video", len(film))
    assert found["label"] in ("FAKE", "REAL")
    assert 0.5 <= found["confidence"] <= 1
    assert found["sha256"] == hashlib.sha256(film).hexdigest()
    assert letters.left() == 0


@EACH_STORE
def test_a_recording_end_to_end(
    aws: Aws, bucket: str, letters: Letters, receiver: Receiver, consume: Consume
) -> None:
    aws.client("s3").put_object(Bucket=bucket, Key="call.flac", Body=SPOKEN.read_bytes())
    letters.send({"sqs_to_ml_url": f"s3://{bucket}/call.flac", "callback_url": receiver.url})
    assert consume().processed == 1
    found = receiver.posts[0].result
    assert (found["file_type"], found["models"][0].split()[0]) == ("audio", "voice")
    assert found["label"] in ("FAKE", "REAL")
    assert letters.left() == 0


@EACH_STORE
@pytest.mark.parametrize("name", ["film.mp4", "call.mp3"])
def test_a_broken_medium_gets_a_named_result(
    aws: Aws, bucket: str, letters: Letters, receiver: Receiver, consume: Consume, name: str
) -> None:
    aws.client("s3").put_object(Bucket=bucket, Key=name, Body=b"not pixels")
    letters.send({"sqs_to_ml_url": f"s3://{bucket}/{name}", "callback_url": receiver.url})
    assert consume().processed == 1
    found = receiver.posts[0].result
    assert (found["label"], found["error_code"]) == (None, "INVALID_MEDIA")
    assert letters.left() == 0


@pytest.mark.parametrize(
    ("body", "code"), [(None, "NO_SUCH_KEY"), (genuine()[:3000], "INVALID_IMAGE")]
)
def test_what_is_gone_or_damaged_is_told_and_not_retried(
    aws: Aws,
    bucket: str,
    letters: Letters,
    receiver: Receiver,
    consume: Consume,
    body: bytes | None,
    code: str,
) -> None:
    if body is not None:
        aws.client("s3").put_object(Bucket=bucket, Key="a.jpg", Body=body)
    letters.send({"sqs_to_ml_url": f"s3://{bucket}/a.jpg", "callback_url": receiver.url})
    consume()
    assert receiver.posts[0].result["error_code"] == code
    assert letters.left() == 0


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_web_address_without_an_image_is_told_and_not_retried(
    letters: Letters, receiver: Receiver, consume: Consume, status: int
) -> None:
    with Site({"/a.jpg?X=y": page(b"Request has expired", "application/xml", status)}) as site:
        letters.send({"sqs_to_ml_url": site.url("/a.jpg?X=y"), "callback_url": receiver.url})
        assert consume(fetch_allow=("127.0.0.1",)).processed == 1
    found = receiver.posts[0].result
    assert (found["label"], found["error_code"]) == (None, "URL_NOT_FETCHED")
    assert str(status) in found["error"]
    assert letters.left() == 0


@pytest.mark.parametrize(
    ("body", "media_type", "code"),
    [
        (b"<html></html>", "text/html", "URL_NOT_FETCHED"),
        (b"<html></html>", "application/octet-stream", "INVALID_IMAGE"),
        (genuine()[:3000], "image/jpeg", "INVALID_IMAGE"),
    ],
)
def test_a_web_address_of_no_image_is_told_and_not_retried(
    letters: Letters,
    receiver: Receiver,
    consume: Consume,
    body: bytes,
    media_type: str,
    code: str,
) -> None:
    with Site({"/a.jpg": page(body, media_type)}) as site:
        letters.send({"sqs_to_ml_url": site.url("/a.jpg"), "callback_url": receiver.url})
        consume(fetch_allow=("127.0.0.1",))
    assert [post.result["error_code"] for post in receiver.posts] == [code]
    assert letters.left() == 0


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_web_server_that_is_away_for_a_while_is_asked_again(
    aws: Aws, letters: Letters, receiver: Receiver, consume: Consume, status: int
) -> None:
    with Site({"/a.jpg": page(b"", status=status)}) as site:
        letters.send({"sqs_to_ml_url": site.url("/a.jpg"), "callback_url": receiver.url})
        assert consume(fetch_allow=("127.0.0.1",)).failed == 1
        assert (len(receiver.posts), letters.left()) == (0, 1)
        site.pages["/a.jpg"] = page(genuine())
        release(letters, aws)
        assert consume(fetch_allow=("127.0.0.1",)).processed == 1
    assert [post.result["label"] for post in receiver.posts] == ["FAKE"]
    assert letters.left() == 0


def test_a_name_that_cannot_be_resolved_is_asked_again(
    letters: Letters, receiver: Receiver, consume: Consume
) -> None:
    letters.send({"sqs_to_ml_url": "http://nobody.invalid/a", "callback_url": receiver.url})
    assert consume().failed == 1
    assert (len(receiver.posts), letters.left()) == (0, 1)


def test_an_object_in_a_bucket_that_is_not_there(
    letters: Letters, receiver: Receiver, consume: Consume
) -> None:
    letters.send({"sqs_to_ml_url": "s3://no-such-bucket/a.jpg", "callback_url": receiver.url})
    consume()
    assert [post.result["error_code"] for post in receiver.posts] == ["NO_SUCH_BUCKET"]
    assert letters.left() == 0


@EACH_STORE
@pytest.mark.parametrize("archive", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object(
    aws: Aws, bucket: str, letters: Letters, receiver: Receiver, consume: Consume, archive: str
) -> None:
    aws.client("s3").put_object(Bucket=bucket, Key="a.jpg", Body=genuine(), StorageClass=archive)
    letters.send({"sqs_to_ml_url": f"s3://{bucket}/a.jpg", "callback_url": receiver.url})
    consume()
    assert [post.result["error_code"] for post in receiver.posts] == ["OBJECT_ARCHIVED"]
    assert letters.left() == 0


@pytest.mark.parametrize(
    "message",
    [
        {"sqs_to_ml_url": "/etc/passwd"},
        {"sqs_to_ml_url": "s3://selfies/", "metadata": {"large": 2**70}},
        {"sqs_to_ml_url": "s3://selfies/a.jpg", "confidence_threshold": 2},
        {},
    ],
)
def test_a_mistake_in_a_message_is_told_to_who_can_be_told(
    letters: Letters, receiver: Receiver, consume: Consume, message: dict[str, Any]
) -> None:
    letters.send(message | {"callback_url": receiver.url, "request_id": "r-3"})
    assert consume().processed == 1
    found = receiver.posts[0].result
    assert (found["request_id"], found["label"]) == ("r-3", None)
    assert found["error_code"] == "BAD_MESSAGE"
    assert letters.left() == 0


def test_a_message_with_a_byte_order_mark(
    letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    body = json.dumps({"sqs_to_ml_url": selfie, "callback_url": receiver.url})
    letters.send(f"\ufeff{body}")
    consume()
    assert [post.result["label"] for post in receiver.posts] == ["FAKE"]


@EACH_STORE
def test_a_redelivered_message_posts_once(
    aws: Aws, letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    letters.send({"sqs_to_ml_url": selfie, "callback_url": receiver.url})
    aws.fail("POST", "DeleteMessage", 500, "InternalError", times=9)
    consume()
    assert (len(receiver.posts), letters.left()) == (1, 1)
    aws.calm()
    release(letters, aws)
    consume()
    assert (len(receiver.posts), letters.left()) == (1, 0)


def release(letters: Letters, aws: Aws) -> None:
    """Let every message come again now, as if its time-out had passed."""
    moto = aws.backend("sqs")
    for queue in moto.queues.values():
        for message in queue._messages:
            message.visible_at = 0


@EACH_STORE
def test_the_same_request_sent_twice_posts_once(
    letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    message = {"sqs_to_ml_url": selfie, "callback_url": receiver.url, "request_id": "r-2"}
    letters.send(message)
    consume()
    letters.send(message)
    consume()
    assert (len(receiver.posts), letters.left()) == (1, 0)


@EACH_STORE
def test_without_a_request_id_each_message_is_answered(
    letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    for _ in range(2):
        letters.send({"sqs_to_ml_url": selfie, "callback_url": receiver.url})
        consume()
    assert len(receiver.posts) == 2


@EACH_STORE
def test_a_callback_that_is_down_for_a_while_gets_it_later(
    aws: Aws, letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    letters.send({"sqs_to_ml_url": selfie, "callback_url": receiver.url})
    receiver.answers = [503, 500]
    consume(callback_attempts=1)
    release(letters, aws)
    consume(callback_attempts=3)
    assert len(receiver.posts) == 1
    assert len({post.headers["idempotency-key"] for post in receiver.posts + receiver.refused}) == 1
    assert len([line for line in aws.seen if "GET /selfies" in line]) == 1, "judged once"
    assert letters.left() == 0


@EACH_STORE
def test_a_callback_that_refuses_is_given_up(
    letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    letters.send({"sqs_to_ml_url": selfie, "callback_url": receiver.url})
    receiver.answers = [403]
    consume()
    assert [reason for reason, _ in letters.dead()] == ["CALLBACK_REFUSED"]


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "[::1]"])
def test_private_addresses_get_no_callback(
    letters: Letters, selfie: str, consume: Consume, host: str
) -> None:
    letters.send({"sqs_to_ml_url": selfie, "callback_url": f"http://{host}:9/"})
    consume(allow_private_callbacks=False)
    assert [reason for reason, _ in letters.dead()] == ["URL_REFUSED"]


@EACH_STORE
def test_what_aws_refuses_for_a_while_comes_again(
    aws: Aws, letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    letters.send({"sqs_to_ml_url": selfie, "callback_url": receiver.url})
    aws.fail("GET", "/selfies-", 503, "SlowDown", times=2)
    assert consume().failed == 1
    assert (len(receiver.posts), letters.left()) == (0, 1)
    release(letters, aws)
    assert consume().processed == 1
    assert (len(receiver.posts), letters.left()) == (1, 0)


@EACH_STORE
def test_after_the_last_delivery_it_is_given_up(
    aws: Aws, letters: Letters, selfie: str, consume: Consume
) -> None:
    letters.send({"sqs_to_ml_url": selfie})
    aws.fail("GET", "/selfies-", 403, "RequestTimeTooSkewed", times=99)
    for _ in range(5):
        consume()
        release(letters, aws)
    assert [reason for reason, _ in letters.dead()] == ["CLOCK_SKEW"]
    assert letters.left() == 0


@EACH_STORE
def test_a_handler_that_fails_leaves_the_message(
    aws: Aws, letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    letters.send({"sqs_to_ml_url": selfie, "callback_url": receiver.url})

    def broken(result: dict[str, Any]) -> None:
        raise ValueError("a secret")

    consume(broken)
    assert (len(receiver.posts), letters.left()) == (0, 1)


def test_a_poll_that_fails_ends_nothing(aws: Aws, letters: Letters, consume: Consume) -> None:
    aws.fail("POST", "ReceiveMessage", 403, "RequestExpired", times=9)
    assert consume().as_dict()["processed"] == 0


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@EACH_STORE
def test_what_is_judged_is_counted(letters: Letters, selfie: str, consume: Consume) -> None:
    names = ("facegate_score_count", "facegate_cache_misses_total")
    before = [*map(count, names), count("facegate_decisions_total", decision="deepfake")]
    stages = count("facegate_stage_seconds_count", stage="decode")
    letters.send({"sqs_to_ml_url": selfie})
    consume()
    after = [*map(count, names), count("facegate_decisions_total", decision="deepfake")]
    assert after == [number + 1 for number in before]
    assert count("facegate_stage_seconds_count", stage="decode") == stages + 1


@EACH_STORE
def test_the_same_selfie_in_two_messages_is_judged_once(
    letters: Letters, selfie: str, receiver: Receiver, consume: Consume
) -> None:
    hits = count("facegate_cache_hits_total")
    for name in "ab":
        letters.send({"sqs_to_ml_url": selfie, "callback_url": receiver.url, "request_id": name})
        consume()
    assert count("facegate_cache_hits_total") == hits + 1
    assert len({post.result["prediction_score"] for post in receiver.posts}) == 1


@pytest.mark.parametrize("slots", [1, 2])
def test_no_more_is_judged_at_once_than_there_are_slots(
    letters: Letters, consume: Consume, loader: Loader, slots: int
) -> None:
    """Ten messages, each with bytes of its own, on ten threads."""
    now, most, lock = 0, 0, threading.Lock()
    analyze = loader.analyzer.analyze

    def watched(data: bytes, *, explain: bool = False) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.1)
        try:
            return analyze(data, explain=explain)
        finally:
            with lock:
                now -= 1

    pages = {f"/{n}.jpg": page(genuine() + bytes([n])) for n in range(10)}
    with Site(pages) as site, pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader.analyzer, "analyze", watched)
        for path in pages:
            letters.send({"sqs_to_ml_url": site.url(path)})
        assert consume(slots=slots, fetch_allow=("127.0.0.1",), fetch_slots=10).processed == 10
    assert most == slots


def test_without_a_dead_letter_queue_the_sender_hears_in_the_end(
    aws: Aws, tmp_path: Path, receiver: Receiver, cloud: Cloud, loader: Loader
) -> None:
    letters = lonely_queue(aws, f"silent-{tmp_path.name}")
    letters.send({"sqs_to_ml_url": "http://nobody.invalid/a", "callback_url": receiver.url})
    for _ in range(5):
        assert not receiver.posts
        make_consumer(tmp_path, loader, cloud, letters).start_consuming(run_once=True)
        release(letters, aws)
    assert [post.result["error_code"] for post in receiver.posts] == ["URL_REFUSED"]
    assert letters.left() == 0


def lonely_queue(aws: Aws, name: str) -> Letters:
    """One without a dead-letter queue."""
    sqs = aws.client("sqs")
    return Letters(sqs, through(aws, sqs.create_queue(QueueName=name[:80])["QueueUrl"]), "")


def test_without_a_dead_letter_queue_poison_stays(
    aws: Aws, tmp_path: Path, loader: Loader, cloud: Cloud
) -> None:
    letters = lonely_queue(aws, f"lonely-{tmp_path.name}")
    letters.send("poison")
    consumer = make_consumer(tmp_path, loader, cloud, letters)
    assert consumer.start_consuming(run_once=True).failed == 1
    assert letters.left() == 1
