"""`facegate consume`: the SQS consumer as a command."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import asdict
from pathlib import Path

from service.cloud.aws.session import Cloud
from service.cloud.consumer import Consumer, ConsumerOptions
from service.cloud.sqs.message import Delivery, jobs_of
from service.cloud.sqs.queue import Queue
from service.errors import BadMessage, StartupError
from service.runtime.console import note, print_json
from service.settings import load_settings


def consume(
    cloud: Cloud,
    options: ConsumerOptions,
    models_dir: Path | None,
    *,
    run_once: bool,
    metrics_port: int,
) -> int:
    """Consume until SIGTERM or SIGINT, then print the statistics. Raises StartupError."""
    settings = load_settings()
    if models_dir is not None:
        settings = settings.model_copy(update={"models_dir": models_dir})
    consumer = Consumer.load(settings, cloud, options)
    if metrics_port:
        _serve_metrics(metrics_port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: consumer.stop())
    print_json(consumer.start_consuming(run_once=run_once).as_dict())
    return 0


def validate(cloud: Cloud, options: ConsumerOptions) -> int:
    """Show what the queue is like. Raises StartupError when it cannot be used."""
    facts = Queue(cloud, options.queue_url, options.visibility_timeout).facts
    print_json(asdict(facts))
    if facts.dead_letter_url is None:
        note("The queue names no dead-letter queue: what cannot be done stays in it.")
    return 0


def create_test_message(cloud: Cloud, options: ConsumerOptions, url: str) -> int:
    """Send a message that asks to judge `url`."""
    queue = Queue(cloud, options.queue_url, options.visibility_timeout)
    body = {"sqs_to_ml_url": url, "request_id": f"test-{os.getpid()}-{time.time_ns()}"}
    print_json({"message_id": queue.send(body), "message": body})
    return 0


def dry_run(cloud: Cloud, options: ConsumerOptions) -> int:
    """Say what one poll's messages ask for, and give them back. 1 when one is unusable."""
    queue = Queue(cloud, options.queue_url, options.visibility_timeout)
    batch = queue.receive(options.max_messages, options.wait_time)
    try:
        return max((_explain(delivery, options) for delivery in batch), default=0)
    finally:
        for delivery in batch:
            queue.change_visibility(delivery, 0)


def _explain(delivery: Delivery, options: ConsumerOptions) -> int:
    try:
        jobs = jobs_of(delivery, options.queue_url, options.callback_url)
    except BadMessage as error:
        print_json({"message_id": delivery.id, "error_code": error.code, "error": error.sentence})
        return 1
    asked = [
        {"request_id": job.asked.request_id, "url": job.asked.url, "callback_url": job.callback_url}
        for job in jobs
    ]
    print_json({"message_id": delivery.id, "jobs": asked})
    return 0


def _serve_metrics(port: int) -> None:
    from prometheus_client import start_http_server

    try:
        start_http_server(port, "127.0.0.1")
    except OSError as error:
        raise StartupError(
            f"Metrics cannot be served on port {port}: {error.strerror}.",
            "Name another one with --metrics-port.",
        ) from None
