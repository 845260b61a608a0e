"""Structured logs: one JSON line an event, one a request. No key, no image, no address in them."""

from __future__ import annotations

import logging
from typing import Any

import structlog

from service.runtime.log_stream import LogStream

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
STREAM = LogStream()  # of this process


def configure(level: str) -> None:
    """Write JSON lines of at least `level` to standard error."""
    structlog.configure(
        processors=[
            *SHARED,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=STREAM),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )


def gunicorn_config(level: str) -> dict[str, Any]:
    """`logconfig_dict` that gives gunicorn's own lines the same form."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": {"level": level.upper(), "handlers": ["stderr"], "propagate": False},
            # The service writes its own line a request; gunicorn's has addresses and whole paths.
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": STREAM}
        },
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer(),
                ],
                "foreign_pre_chain": SHARED,
            }
        },
    }
