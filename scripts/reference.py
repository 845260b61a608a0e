"""Write docs/reference.md from the code: settings, routes, codes and metrics, each one of them.

`python -m scripts.reference` writes the page; a test fails while the page and the code differ.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY
from pydantic import AliasChoices

from service import errors
from service.app import create_app
from service.settings import PACKAGE, Settings

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"
INTRO = """# Reference

Made from the code by `python -m scripts.reference`; do not edit by hand.
"""


def page() -> str:
    """The whole page."""
    app = create_app(Settings(store="null", console="on"))
    parts = [
        INTRO,
        _table("Settings", ("variable", "default", "meaning"), _settings()),
        _table("Routes", ("method", "path", "what it does"), _routes(app)),
        _table("Codes", ("code", "HTTP", "sentence"), _codes()),
        _table("Metrics", ("metric", "type", "labels", "meaning"), _metrics()),
    ]
    return "\n".join(parts)


def _table(title: str, head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [f"## {title}", "", _row(head), _row(("---",) * len(head))]
    return "\n".join(lines + [_row(row) for row in rows]) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def _settings() -> Iterator[tuple[str, ...]]:
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [f"FACEGATE_{name.upper()}"]
        yield (
            " or ".join(f"`{choice}`" for choice in names),
            f"`{_default(field.get_default())}`",
            field.description or "",
        )


def _default(value: Any) -> str:
    """As one would write it in the environment; a path of the package without its whereabouts."""
    if isinstance(value, tuple | list | set | frozenset):
        return ",".join(sorted(map(str, value)))
    if isinstance(value, Path) and value.is_relative_to(PACKAGE):
        return f"service/{value.relative_to(PACKAGE)}"
    return "" if value is None else str(value)


def _routes(app: Any) -> Iterator[tuple[str, ...]]:
    for rule in sorted(app.url_map.iter_rules(), key=lambda r: r.rule):
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            doc = app.view_functions[rule.endpoint].__doc__ or ""
            yield f"`{method}`", f"`{rule.rule}`", doc.partition("\n")[0]


def _codes() -> Iterator[tuple[str, ...]]:
    for error in _tree(errors.FacegateError):
        if error is errors.CannotJudge:
            for reason in errors.Reason:
                yield f"`{reason}`", "422", errors.SENTENCES[reason]
        elif error is not errors.StartupError:
            yield f"`{error.code}`", str(error.status), error.sentence


def _tree(error: type[errors.FacegateError]) -> Iterator[type[errors.FacegateError]]:
    yield error
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:  # those of single commands are never an answer
            yield from _tree(child)


def _metrics() -> Iterator[tuple[str, ...]]:
    for metric in sorted(REGISTRY._collector_to_names, key=lambda m: str(getattr(m, "_name", ""))):
        name = str(getattr(metric, "_name", ""))
        if name.startswith("facegate_"):
            full = f"{name}_total" if metric._type == "counter" else name
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            yield f"`{full}`", metric._type, labels, metric._documentation


def main() -> int:
    """Write the page."""
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
