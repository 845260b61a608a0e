"""Options of the commands at the AWS edge: their names, limits and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option("--config", help="AWS configuration. Default: aws_config.json, if there is one."),
]
Region = Annotated[str | None, typer.Option("--aws-region", help="AWS region.")]
KeyId = Annotated[str | None, typer.Option("--aws-access-key-id", help="Access key.")]
Secret = Annotated[
    str | None,
    typer.Option(
        "--aws-secret-access-key",
        help="Its secret. Others on this machine can see arguments: prefer another way.",
    ),
]

# Of `facegate consume`
QueueUrl = Annotated[
    str, typer.Option("--queue-url", envvar="QUEUE_URL", help="The queue to work on.")
]
PollInterval = Annotated[
    float, typer.Option(min=0, envvar="POLL_INTERVAL", help="Seconds after an empty poll.")
]
MaxMessages = Annotated[
    int, typer.Option(min=1, max=100, envvar="MAX_MESSAGES", help="Most in work at once.")
]
WaitTime = Annotated[int, typer.Option(min=0, max=20, help="Seconds of a long poll.")]
VisibilityTimeout = Annotated[
    int,
    typer.Option(
        min=3, max=43200, help="Seconds a message is ours; renewed while it is worked on."
    ),
]
ModelsDir = Annotated[
    Path | None, typer.Option(envvar="MODELS_DIR", help="Folder of model folders.")
]
CallbackUrl = Annotated[
    str | None, typer.Option(help="Where results of S3 upload notices go. Default: nowhere.")
]
RunOnce = Annotated[bool, typer.Option("--run-once", help="One poll, then end.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what one poll asks for; change nothing.")
]
StatsInterval = Annotated[
    float, typer.Option(min=0, help="Seconds between lines of statistics; 0: none.")
]
ValidateQueue = Annotated[
    bool, typer.Option("--validate-queue", help="Show what the queue is like.")
]
TestMessage = Annotated[
    str | None, typer.Option(metavar="URL", help="Send a message that asks to judge this.")
]
MetricsPort = Annotated[
    int, typer.Option(min=0, max=65535, help="Prometheus on 127.0.0.1; 0: none.")
]
LogLevel = Annotated[
    str | None,
    typer.Option(
        envvar="LOG_LEVEL",
        help="debug, info, warning or error. Default: as aws_config.json says, else info.",
    ),
]
SourceArgument = Annotated[
    str | None, typer.Argument(metavar="PATH|URL", help="A local path, s3:// or https://.")
]
Threshold = Annotated[
    float, typer.Option(min=0, max=1, help="Score from which on the label is FAKE.")
]
OutputFile = Annotated[Path | None, typer.Option(help="Write the result there as well.")]
SetupAws = Annotated[bool, typer.Option("--setup-aws", help="The same as `facegate aws setup`.")]
ListModels = Annotated[
    bool, typer.Option("--list-models", help="The same as `facegate models list`.")
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Log more.")]
