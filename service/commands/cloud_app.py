"""Signatures of the commands at the AWS edge; `service.commands` does the work."""

# ruff: noqa: PLR0913, PLR0917 (every option is an argument)
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr

if TYPE_CHECKING:
    from service.cloud.session import Given

cloud_app = typer.Typer()
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


@cloud_app.command()
def predict(
    source: Annotated[
        str | None, typer.Argument(metavar="PATH|URL", help="A local path, s3:// or https://.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Score from which on the label is FAKE.")
    ] = 0.5,
    output: Annotated[Path | None, typer.Option(help="Write the result there as well.")] = None,
    region: Region = None,
    key_id: KeyId = None,
    secret: Secret = None,
    config: Config = None,
    list_models: Annotated[
        bool, typer.Option("--list-models", help="The same as `facegate models list`.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Judge one medium, local or in S3, and print the result of the S3 and SQS contract.

    Exit code 0: REAL. 1: FAKE. 2: it could not be read or judged. 3: wrong usage.
    """
    from service import logs

    if verbose:
        logs.configure("debug")
    if list_models:
        from service.commands.models import list_models as run_list

        raise typer.Exit(run_list("table"))
    if source is None:
        raise typer.BadParameter("Name a path or an address.", param_hint="PATH|URL")
    from service.commands.predict import identity
    from service.commands.predict import predict as run

    cloud = identity(config, _given(key_id, secret, region))
    raise typer.Exit(run(source, threshold, output, cloud))


def _given(key_id: str | None, secret: str | None, region: str | None) -> Given:
    from service.cloud.session import Given

    return Given(key_id, SecretStr(secret) if secret else None, region)
