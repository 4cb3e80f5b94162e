from __future__ import annotations

from collections.abc import Iterator

import pytest

from gate.values import errors
from gate.values.errors import Exit, GateError


def kinds(kind: type[GateError]) -> Iterator[type[GateError]]:
    yield kind
    for sub in kind.__subclasses__():
        if sub.__module__ == errors.__name__:
            yield from kinds(sub)


ALL = list(kinds(GateError))


def test_every_error_has_a_code_of_its_own() -> None:
    assert len(ALL) > 10
    assert len({kind.code for kind in ALL}) == len(ALL)


@pytest.mark.parametrize("kind", ALL)
def test_an_error_is_never_reported_as_success(kind: type[GateError]) -> None:
    assert kind.code.startswith("GATE-")
    assert kind.exit is not Exit.OK
    assert 400 <= kind.http < 600


def test_an_error_says_what_why_and_what_to_do() -> None:
    wrong = GateError("It broke.", "It was old.", "Mend it.")
    assert str(wrong) == "It broke. Why: It was old. Do: Mend it."
    assert wrong.as_dict() == {"code": "GATE-INTERNAL", "what": "It broke.", "why": "It was old.", "do": "Mend it."}
