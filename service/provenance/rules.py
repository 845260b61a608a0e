"""The rule set: marks that software leaves, and rules over the facts. Data, in one TOML file."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.errors import StartupError
from service.provenance.facts import Action, Facts, Kind, Provenance, Signal, Tool
from service.settings import Settings

Value = str | int | float | bool
FACTS = frozenset(
    {
        *("credentials.state", "credentials.says", "source_type", "tools.kind", "tools.name"),
        *("camera.maker", "camera.model", "camera.notes", "camera.age_days"),
        *("encoder.family", "encoder.quality", "encoder.sampling", "encoder.huffman"),
        *("encoder.progressive", "thumbnail", "saved_before", "enlarged"),
        *("size", "longest", "format", "seen"),
    }
)


class FactCondition(BaseModel):
    """What a fact must be. A fact that is not there fulfils `absent` alone."""

    model_config = ConfigDict(extra="forbid")

    any: list[Value] | None = Field(None, description="one of these")
    above: float | None = None
    below: float | None = None
    absent: bool | None = None

    def holds(self, values: Sequence[Value]) -> bool:
        """Whether one of the fact's values fulfils all of it."""
        if self.absent is not None and self.absent == bool(values):
            return False
        return self._is_bare() or any(self._fits(value) for value in values)

    def _is_bare(self) -> bool:
        return self.any is None and self.above is None and self.below is None

    def _fits(self, value: Value) -> bool:
        if self.any is not None and value not in self.any:
            return False
        if self.above is None and self.below is None:
            return True
        low = float("-inf") if self.above is None else self.above
        high = float("inf") if self.below is None else self.below
        return not isinstance(value, str) and low < value < high


class Mark(BaseModel):
    """A text that a piece of software leaves; every part of it must be there, in any case.

    fields: beginnings of the names of fields that may hold it; none: any.
    """

    model_config = ConfigDict(extra="forbid")

    tool: str
    kind: Kind
    contains: list[str] = Field([], description="parts of the text")
    fields: list[str] = []

    def on(self, where: str, text: str) -> bool:
        """Whether a field with this text, in small letters, bears it."""
        if self.fields and not where.startswith(tuple(self.fields)):
            return False
        return all(part.lower() in text for part in self.contains)


class Rule(BaseModel):
    """Holds when every condition does; `sentence` says it to people."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{2,40}$")
    sentence: str
    when: dict[str, FactCondition] = Field(min_length=1)
    action: Action = "report"


class RuleSet(BaseModel):
    """One version of the rules."""

    model_config = ConfigDict(extra="forbid")

    version: str
    marks: list[Mark] = []
    rules: list[Rule]
    digest: str = ""

    @property
    def name(self) -> str:
        """The version, and a digest of the file: an operator may forget to change the version."""
        return f"{self.version}-{self.digest}"

    def tools(self, texts: Sequence[tuple[str, str]]) -> tuple[Tool, ...]:
        """Software that left its mark in these fields, each once."""
        found: dict[str, Tool] = {}
        for where, text in texts:
            small = text.lower()
            for mark in self.marks:
                if mark.tool not in found and mark.on(where, small):
                    found[mark.tool] = Tool(mark.tool, mark.kind, where)
        return tuple(found.values())

    def judge(self, facts: Facts, more: Mapping[str, Sequence[Value]]) -> Provenance:
        """The facts with the rules that hold; `more`: what is not of the bytes alone."""
        known = {**flat(facts), **more}
        signals = tuple(
            Signal(rule.name, rule.action, rule.sentence)
            for rule in self.rules
            if all(one.holds(known.get(name, ())) for name, one in rule.when.items())
        )
        return Provenance(facts, self.name, any(s.action != "report" for s in signals), signals)


def load_rules(settings: Settings) -> RuleSet:
    """The rule set, with the actions that the settings ask for. Raises StartupError."""
    path = settings.provenance_rules
    try:
        text = path.read_text()
        rules = RuleSet.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unusable(path, f"it cannot be read ({type(error).__name__})") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _unusable(path, f"{place}: {first['msg']}") from None
    _check_names(path, rules)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return _with_actions(settings, rules.model_copy(update={"digest": digest}))


def flat(facts: Facts) -> dict[str, list[Value]]:
    """Facts by their names, each with its values."""
    found: dict[str, list[Value]] = {}
    for name, value in asdict(facts).items():
        parts = value if isinstance(value, list | tuple) else [value]
        for part in parts:
            inner = part.items() if isinstance(part, dict) else [("", part)]
            for key, one in inner:
                many = one if isinstance(one, list | tuple) else [one]
                place = found.setdefault(f"{name}.{key}" if key else name, [])
                place.extend(value for value in many if value is not None)
    if facts.width:
        found["size"] = [f"{facts.width}x{facts.height}"]
        found["longest"] = [max(facts.width, facts.height)]
    return found


def _check_names(path: Path, rules: RuleSet) -> None:
    names = [rule.name for rule in rules.rules]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise _unusable(path, f"two rules are called {doubled}")
    for rule in rules.rules:
        if unknown := next((name for name in rule.when if name not in FACTS), None):
            raise _unusable(path, f"the rule {rule.name} asks for {unknown}, which is no fact")


def _with_actions(settings: Settings, rules: RuleSet) -> RuleSet:
    known = {rule.name for rule in rules.rules}
    wanted: dict[str, Action] = dict.fromkeys(settings.provenance_flag, "flag")
    wanted |= dict.fromkeys(settings.provenance_refuse, "refuse")
    if unknown := next((name for name in wanted if name not in known), None):
        raise StartupError(
            f"There is no provenance rule {unknown}.",
            "Correct FACEGATE_PROVENANCE_FLAG or FACEGATE_PROVENANCE_REFUSE: " + _some(known),
        )
    changed = [
        rule.model_copy(update={"action": wanted.get(rule.name, rule.action)})
        for rule in rules.rules
    ]
    return rules.model_copy(update={"rules": changed})


def _some(names: set[str]) -> str:
    return "rules are " + ", ".join(sorted(names)) + "."


def _unusable(path: Path, why: str) -> StartupError:
    return StartupError(
        f"The provenance rules {path} are unusable: {why}.",
        "Correct the file, or unset FACEGATE_PROVENANCE_RULES for the rules that are shipped.",
    )
