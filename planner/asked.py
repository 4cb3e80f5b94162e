"""What a request must be before any planner reads it, and how a planner stops."""

from __future__ import annotations

from gate.intent.text import refuse_hostile
from gate.values.errors import IntentError
from planner.plan import MAX_REQUEST, Reason


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """There is no plan: the reason, and a sentence for people. Never leaves the planner."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def checked(request: str) -> str:
    """The request without blanks around it.

    Raises:
        Refused: too long, of several lines, or with template marks or invisible characters.
    """
    request = request.strip()
    if len(request) > MAX_REQUEST:
        raise Refused(Reason.UNSAFE_REQUEST, f"The request has {len(request)} characters; {MAX_REQUEST} are taken.")
    try:
        refuse_hostile(request, "the request")
    except IntentError as wrong:
        raise Refused(Reason.UNSAFE_REQUEST, f"{wrong.what} {wrong.fix}") from None
    return request
