"""proof.yml: what `gate catalog prove` tries on throw-away hosts, in the words of a play."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gate.catalog.finding import BrokenActionError, Finding, broken, finding
from gate.catalog.parameters import ParameterSchema
from gate.catalog.source import Map, read_yaml
from gate.values.errors import IntentError

FILE = "proof.yml"
MOST_CASES = 20


class Case(BaseModel):
    """From the state that `pre_tasks` bring about, the action with `vars`; `changes` says whether it does anything."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+\z")]
    pre_tasks: Annotated[tuple[dict[str, Any], ...], Field(strict=False)] = ()
    vars: dict[str, Any] = {}
    changes: bool = True


def read_cases(folder: Path) -> tuple[Case, ...]:
    """The cases of the action in `folder`; none if it has no proof.yml.

    Raises:
        BrokenActionError: with all findings.
    """
    file = folder / FILE
    if not file.is_file():
        return ()
    raw = read_yaml(file)
    if not isinstance(raw, list) or not 1 <= len(raw) <= MOST_CASES or not all(isinstance(one, Map) for one in raw):
        raise broken(file, 1, "proof", f"the file is no list of 1 to {MOST_CASES} cases")
    cases, findings = [], []
    for one in raw:
        try:
            cases.append(Case.model_validate(one))
        except ValidationError as wrong:
            findings += [_found(file, one, error) for error in wrong.errors(include_url=False)]
    if len({case.name for case in cases}) < len(cases):
        findings.append(finding(file, 1, "proof", "two cases have the same name"))
    if findings:
        raise BrokenActionError(findings)
    return tuple(cases)


def check_cases(folder: Path, parameters: ParameterSchema | None) -> Iterator[Finding]:
    """What is wrong with the cases of the action in `folder`."""
    try:
        cases = read_cases(folder)
    except BrokenActionError as wrong:
        yield from wrong.findings
        return
    if parameters is None:
        return
    for case in cases:
        try:
            parameters.validate(dict(case.vars))
        except IntentError as wrong:
            yield finding(folder / FILE, 1, "proof", f"{case.name}: {wrong.what} {wrong.why}")


def _found(file: Path, raw: Map, error: Any) -> Finding:
    place = ".".join(map(str, error["loc"]))
    return finding(
        file, raw.at(str(error["loc"][0])) if error["loc"] else raw.line, "proof", f"{place}: {error['msg']}"
    )
