"""Signatures of the commands at the AWS edge; `service.commands` does the work."""

# ruff: noqa: PLR0913, PLR0917 (every option is an argument)
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.commands.cloud.options import (
    CallbackUrl,
    Config,
    DryRun,
    KeyId,
    ListModels,
    LogLevel,
    MaxMessages,
    MetricsPort,
    ModelsDir,
    OutputFile,
    PollInterval,
    QueueUrl,
    Region,
    RunOnce,
    Secret,
    SetupAws,
    SourceArgument,
    StatsInterval,
    TestMessage,
    Threshold,
    ValidateQueue,
    Verbose,
    VisibilityTimeout,
    WaitTime,
)

if TYPE_CHECKING:
    from service.cloud.aws.session import Given

cloud_app = typer.Typer()
aws_app = typer.Typer(help="Credentials for AWS: set up, check.", no_args_is_help=True)
cloud_app.add_typer(aws_app, name="aws")


@cloud_app.command()
def predict(
    source: SourceArgument = None,
    threshold: Threshold = 0.5,
    output: OutputFile = None,
    region: Region = None,
    key_id: KeyId = None,
    secret: Secret = None,
    config: Config = None,
    setup_aws: SetupAws = False,
    list_models: ListModels = False,
    verbose: Verbose = False,
) -> None:
    """Judge one medium, local or in S3, and print the result of the S3 and SQS contract.

    Exit code 0: REAL. 1: FAKE. 2: it could not be read or judged. 3: wrong usage.
    """
    if verbose:
        _log_at("debug")
    _other_command(setup_aws, list_models, config)
    if source is None:
        raise typer.BadParameter("Name a path or an address.", param_hint="PATH|URL")
    from service.commands.cloud.predict import identity
    from service.commands.cloud.predict import predict as run

    cloud = identity(config, _given(key_id, secret, region))
    raise typer.Exit(run(source, threshold, output, cloud))


def _other_command(setup_aws: bool, list_models: bool, config: Path | None) -> None:
    """What this contract has as options is a command of its own here."""
    if setup_aws:
        from service.commands.cloud.aws import setup

        raise typer.Exit(setup(config))
    if list_models:
        from service.commands.models.list import list_models as run_list

        raise typer.Exit(run_list("table"))


@cloud_app.command()
def consume(
    queue_url: QueueUrl,
    poll_interval: PollInterval = 5.0,
    max_messages: MaxMessages = 10,
    wait_time: WaitTime = 20,
    visibility_timeout: VisibilityTimeout = 30,
    models_dir: ModelsDir = None,
    callback_url: CallbackUrl = None,
    run_once: RunOnce = False,
    dry_run: DryRun = False,
    stats_interval: StatsInterval = 0,
    validate_queue: ValidateQueue = False,
    create_test_message: TestMessage = None,
    metrics_port: MetricsPort = 0,
    log_level: LogLevel = None,
    region: Region = None,
    key_id: KeyId = None,
    secret: Secret = None,
    config: Config = None,
) -> None:
    """Judge what an SQS queue asks for and post the results, until SIGTERM."""
    from service.cloud.consumer import ConsumerOptions
    from service.commands.cloud import consume as run
    from service.commands.cloud.predict import identity

    cloud = identity(config, _given(key_id, secret, region))
    _log_at(log_level or cloud.config.logging.in_force)
    options = ConsumerOptions(
        queue_url=queue_url,
        poll_interval=poll_interval,
        max_messages=max_messages,
        wait_time=wait_time,
        visibility_timeout=visibility_timeout,
        stats_interval=stats_interval,
        callback_url=callback_url,
    )
    if validate_queue:
        raise typer.Exit(run.validate(cloud, options))
    if create_test_message is not None:
        raise typer.Exit(run.create_test_message(cloud, options, create_test_message))
    if dry_run:
        raise typer.Exit(run.dry_run(cloud, options))
    raise typer.Exit(
        run.consume(cloud, options, models_dir, run_once=run_once, metrics_port=metrics_port)
    )


def _log_at(level: str) -> None:
    from service.runtime import logs

    if level.lower() not in {"debug", "info", "warning", "error"}:
        raise typer.BadParameter("debug, info, warning or error.", param_hint="--log-level")
    logs.configure(level.lower())


@cloud_app.command()
def recheck(
    bucket: Annotated[
        str | None, typer.Option(help="Bucket of the uploads. Default: FACEGATE_UPLOAD_BUCKET.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="The table. Default: FACEGATE_DETECTIONS_TABLE.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most items. Default: all.")] = None,
    region: Region = None,
    key_id: KeyId = None,
    secret: Secret = None,
    config: Config = None,
) -> None:
    """Judge recorded detections that are pending again, and record both scores.

    Exit code 2: AWS refused some for now; run it again.
    """
    from service.commands.cloud.predict import identity
    from service.commands.cloud.recheck import recheck as run

    raise typer.Exit(run(identity(config, _given(key_id, secret, region)), bucket, table, limit))


@cloud_app.command()
def backfill(
    source: Annotated[str, typer.Argument(metavar="s3://BUCKET/PREFIX/")],
    output: Annotated[str, typer.Option(help="A folder, or s3://bucket/prefix/.")],
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="This machine's cores, or a Ray cluster.")
    ] = "local",
    workers: Annotated[int, typer.Option(min=0, help="0: as many as usable cores.")] = 0,
    shard_size: Annotated[int, typer.Option(min=1, help="Objects a shard, of a new plan.")] = 500,
) -> None:
    """Judge every image below a prefix with the installed model, checkpointed shard by shard.

    Run it again and it goes on where it was. Each object is in the results once. Exit code 2: AWS
    refused some shards for now.
    """
    from service.commands.cloud.backfill import backfill as run

    raise typer.Exit(run(source, output, engine, workers, shard_size))


@aws_app.command("setup")
def aws_setup(config: Config = None) -> None:
    """Ask for credentials, try them out and write them to aws_config.json.

    Exit code 1: AWS does not know them, and nothing was written.
    """
    from service.commands.cloud.aws import setup as run

    raise typer.Exit(run(config))


@aws_app.command("check")
def aws_check(
    bucket: Annotated[str | None, typer.Option(help="Try to list this bucket.")] = None,
    queue_url: Annotated[str | None, typer.Option(help="Try this SQS queue.")] = None,
    table: Annotated[str | None, typer.Option(help="Try this DynamoDB table.")] = None,
    region: Region = None,
    key_id: KeyId = None,
    secret: Secret = None,
    config: Config = None,
) -> None:
    """Show whose credentials are in force and what they may do. Exit code 1 when a check failed."""
    from service.commands.cloud.aws import Targets
    from service.commands.cloud.aws import check as run
    from service.commands.cloud.predict import identity

    cloud = identity(config, _given(key_id, secret, region))
    raise typer.Exit(run(cloud, Targets(bucket, queue_url, table)))


def _given(key_id: str | None, secret: str | None, region: str | None) -> Given:
    from pydantic import SecretStr

    from service.cloud.aws.session import Given

    return Given(key_id, SecretStr(secret) if secret else None, region)
