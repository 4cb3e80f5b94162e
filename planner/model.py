"""`ChatModelPlanner`: a plan by any chat model that LangChain knows. The one file that imports it, and late.

- One call and at most one repair; no loop, no tools with effects. Then a plan that is whole and checked, or none.
- What the model says is checked as strictly as anything from outside: schema, inventory and grounding.
- A provider that fails is a `planner_failed`; another planner is never taken in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.answer import Wrong, from_text, read
from planner.asked import Refused, checked
from planner.catalog import ActionView, CatalogView
from planner.plan import CannotDo, Plan, Reason
from planner.prompt import SYSTEM, answer_schema, catalog_text, repair_text, request_text
from planner.vocabulary import Vocabulary

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import BaseMessage

CANDIDATES = 12
ATTEMPTS = 2  # the answer, and one repair


class ChatModelPlanner:
    """Plans with `model`; `name` is recorded in every plan as `model:<name>`."""

    def __init__(self, model: BaseChatModel, *, name: str | None = None, candidates: int = CANDIDATES) -> None:
        self._model = model
        self.name = f"model:{name or type(model).__name__}"
        self._candidates = max(1, min(candidates, CANDIDATES))

    @classmethod
    def named(cls, model: str, **settings: Any) -> ChatModelPlanner:
        """A planner for `provider:model`, as LangChain's `init_chat_model` takes it, with its settings.

        Unless set: `timeout` 60 seconds and `max_retries` 1, so that a silent provider ends.

        Raises:
            ImportError: `langchain` or the provider's package is not installed.
            ValueError: no such provider.
        """
        from langchain.chat_models import init_chat_model

        made = init_chat_model(model, **{"timeout": 60, "max_retries": 1, **settings})
        return cls(made, name=model)

    def plan(self, request: str, catalog: CatalogView) -> Plan:
        """The plan; anything that goes wrong is a `cannot` with `planner_failed`."""
        try:
            asked = checked(request)
            answer = self._answer(asked, catalog)
        except Refused as no:
            return Plan.refused(request, self.name, no.reason, no.detail)
        if isinstance(answer, CannotDo):
            return Plan(request=asked, planner=self.name, cannot=answer)
        return Plan.in_order(asked, self.name, answer)

    def _answer(self, request: str, catalog: CatalogView) -> Any:
        from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

        offered = Vocabulary(catalog).candidates(request, self._candidates)
        if not offered:
            raise Refused(Reason.NO_ACTION, "The catalog is empty.")
        asked = HumanMessage(f"{catalog_text(catalog, offered)}\n{request_text(request)}")
        messages: list[BaseMessage] = [SystemMessage(SYSTEM), asked]
        wrong: list[str] = []
        for _ in range(ATTEMPTS):
            said, raw = self._ask(messages, offered)
            try:
                return read(from_text(said) if raw is None else raw, request, catalog, offered)
            except Wrong as found:
                wrong = found.problems
            # as plain text: a tool call would have to be answered by a tool's result
            messages += [AIMessage(said[:4000] or "(nothing)"), HumanMessage(repair_text(wrong))]
        raise Refused(Reason.PLANNER_FAILED, f"The model's answer was refused twice: {'; '.join(wrong)}")

    def _ask(self, messages: list[BaseMessage], offered: list[ActionView]) -> tuple[str, Any]:
        """What the model said: as text, and parsed if its structured output worked.

        Raises:
            Refused: the provider failed.
        """
        try:
            try:
                structured = self._model.with_structured_output(answer_schema(offered), include_raw=True)
            except NotImplementedError:
                return _text(self._model.invoke(messages)), None
            answer: Any = structured.invoke(messages)
        except Exception as broken:  # noqa: BLE001 - each provider raises its own; all of them mean "no plan"
            raise Refused(Reason.PLANNER_FAILED, _failure(broken)) from None
        return _said(answer["raw"]), answer["parsed"]


def _said(message: Any) -> str:
    """The text of a message, or else the arguments of its tool call."""
    import json

    text = _text(message)
    calls = getattr(message, "tool_calls", None)
    return text or (json.dumps(calls[0]["args"]) if calls else "")


def _text(message: Any) -> str:
    return str(getattr(message, "text", "") or "")


def _failure(broken: Exception) -> str:
    # the message of a provider's error can hold a part of the key: its kind and status are enough
    status = getattr(broken, "status_code", None)
    return f"The model could not be asked: {type(broken).__name__}{f' (HTTP {status})' if status else ''}."
