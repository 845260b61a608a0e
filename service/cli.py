"""`facegate`: one command, its sub-commands in `service.commands`.

Only signatures live here; what they need is imported when they run, so that `--help` is quick.
Exit codes: 0 done, 3 wrong usage, cannot start or broke off (one sentence says why), 130
interrupted; others are told by the sub-command's help.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from service.commands import streams
from service.commands.audit.app import audit_app
from service.commands.cloud.app import cloud_app
from service.commands.fit.app import measure_app
from service.commands.licence.app import licence_app
from service.commands.signing.app import signing_app
from service.commands.users.app import users_app
from service.errors import FacegateError, StartupError

USAGE, INTERRUPTED = 3, 130
HELP_NAMES = {"help_option_names": ["-h", "--help"]}
Listing = Annotated[Literal["table", "json"], typer.Option("--format", help="How to print it.")]
DetectFormat = Literal["table", "json", "jsonl", "csv"]

app = typer.Typer(
    help="Tells a genuine selfie from a deepfake, on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=HELP_NAMES,
)
models_app = typer.Typer(help="The models that judge.", no_args_is_help=True)
app.add_typer(cloud_app)
app.add_typer(measure_app)
app.add_typer(signing_app)
app.add_typer(licence_app, name="licence")
app.add_typer(audit_app, name="audit")
app.add_typer(users_app, name="users")
app.add_typer(models_app, name="models")
ensemble_app = typer.Typer(help="A trained fusion of the detectors.", no_args_is_help=True)
app.add_typer(ensemble_app, name="ensemble")


@app.callback()
def quieten() -> None:
    from service.runtime import logs

    # On standard error like all remarks, and nothing that a sentence of the command says anyway.
    logs.configure("error")


@app.command()
def serve(
    development: Annotated[
        bool, typer.Option("--development", help="Issue a licence and print a line to try it.")
    ] = False,
) -> None:
    """Start the service."""
    from service.commands.serve import serve as run

    run(development)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; the service may run meanwhile.")],
) -> None:
    """Copy the embedded store (licences, results, users, jobs, audit log)."""
    from service.commands.backup import backup as run

    run(file)


@app.command()
def detect(
    sources: Annotated[list[str], typer.Argument(metavar="FILE|DIR|URL|s3://...|-...")],
    form: Annotated[
        DetectFormat | None,
        typer.Option("--format", help="Default: by the output file's name, else a table."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write there, not to the terminal.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Add a heat map (json, jsonl).")
    ] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Enter sub-folders.")
    ] = False,
) -> None:
    """Judge images on this machine, without a service and without a licence.

    s3://bucket/key is one object; s3://bucket/ and s3://bucket/folder/ are all images below, and
    then a .jsonl output file makes an interrupted run go on where it was.

    Exit code 0: all bona fide. 1: at least one deepfake. 2: at least one could not be read or
    judged (whatever the others are). 3: wrong usage, or the models cannot be loaded.
    """
    from service.commands.detect.command import detect as run

    raise typer.Exit(run(sources, form, output, explain=explain, recursive=recursive))


@models_app.command("list")
def models_list(form: Listing = "table") -> None:
    """List the installed models. Exit code 1 when one is damaged."""
    from service.commands.models.list import list_models as run

    raise typer.Exit(run(form))


@models_app.command("new")
def models_new(
    name: Annotated[str, typer.Argument(help="How it shall be called.")],
    kind: Annotated[Literal["onnx", "class", "container"], typer.Argument()],
) -> None:
    """Write the file that a detector of your own begins with, in this folder."""
    from service.commands.models.new import new_model as run

    run(name, kind)


@models_app.command("add")
def models_add(
    name: Annotated[str, typer.Argument(help="How it shall be called.")],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="A folder with manifest.json and an ONNX file, http://host:port of a container,"
            " package.module:Class, or the name of an entry point.",
        ),
    ],
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Of a container or class: fake from here on.")
    ] = 0.5,
    task: Annotated[
        Literal["deepfake", "presentation_attack"] | None,
        typer.Option(help="What it finds; by default what its manifest or class says."),
    ] = None,
) -> None:
    """Register a detector of your own in the data folder, after trying it."""
    from service.commands.models.add import add_model as run

    run(name, source, threshold, task)


@models_app.command("remove")
def models_remove(name: str) -> None:
    """Take a detector of your own away again."""
    from service.commands.models.add import remove_model as run

    run(name)


@ensemble_app.command("fit")
def ensemble_fit(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", exists=True, file_okay=False, help="DIR/genuine|SPECIES/PERSON/*.jpg"
        ),
    ],
    deploy: Annotated[bool, typer.Option(help="Put it to use, if it is better.")] = True,
    search: Annotated[
        int, typer.Option(min=0, help="Trials of an Optuna search for each classifier.")
    ] = 0,
    only: Annotated[
        list[str] | None, typer.Option(help="A classifier to consider; repeat it. Default: all.")
    ] = None,
) -> None:
    """Compare eight classifiers on species held out, deploy the best if it beats each detector.

    Exit code 1: a single detector is better on species held out, so nothing was deployed.
    """
    from service.commands.fit.ensemble import fit as run

    raise typer.Exit(run(folder, deploy=deploy, search=search, only=only or ()))


@ensemble_app.command("rollback")
def ensemble_rollback() -> None:
    """Back to the fusion that was deployed before."""
    from service.commands.fit.ensemble import rollback as run

    run()


@app.command()
def settings(form: Listing = "table") -> None:
    """List every setting: environment variable, value, default, meaning."""
    from service.commands.settings import show_settings as run

    run(form)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    network: Annotated[
        bool, typer.Option("--network", help="Prove that judging reaches for no network (30 s).")
    ] = False,
    store: Annotated[
        bool, typer.Option("--store", help="Read the whole SQLite database: is it sound?")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="With --store: save what can be read of it.")
    ] = False,
) -> None:
    """Check this machine and this installation. Exit code 1 when a check failed."""
    from service.commands.doctor.command import doctor as run

    raise typer.Exit(run(as_json, network, store, repair))


@app.command()
def forget(
    sha256: Annotated[
        str | None, typer.Option(help="Of one picture, video or recording, as it was sent.")
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(help="Its name, digest or hash_id; - reads it; `operator`: of commands."),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Judged before it: 2027-01-01, or with time; UTC."),
    ] = None,
) -> None:
    """Delete what is kept about media: results, images, labels, hashes, jobs, histories.

    Of several options all must hold. The audit log is left as it is, and gets an entry.
    """
    from service.commands.forget import forget as run

    run(sha256, licence, before)


@app.command()
def version() -> None:
    """Print the versions of Facegate and of what it runs on."""
    from service.commands.version import version_line

    print(version_line())


def main() -> None:
    """Entry point of the console script. However a command ends, a crash is no finding."""
    streams.prepare()
    code: int | str | None
    try:
        code = _run()
        streams.finish()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SystemExit as error:  # typer's own end where the output's reader went away
        code = streams.explain(BrokenPipeError()) if error.code == 1 else error.code
    except BaseException as error:
        code = streams.explain(error)
    streams.silence()
    sys.exit(code or 0)


def _run() -> int:
    try:
        return int(app(standalone_mode=False, prog_name="facegate") or 0)
    except typer.TyperException as error:
        return _usage(error)
    except FacegateError as error:
        return _refuse(error)
    except typer.Abort:
        return INTERRUPTED


def _usage(error: typer.TyperException) -> int:
    """The usage and what is wrong; a bare `facegate` has shown its help and says no more."""
    show = getattr(error, "show", None)
    if show is not None and error.format_message():
        show()
    return USAGE


def _refuse(error: FacegateError) -> int:
    print(f"facegate: {error.sentence}", file=sys.stderr)
    if isinstance(error, StartupError):
        print(f"  {error.remedy}", file=sys.stderr)
    return USAGE


if __name__ == "__main__":
    main()
