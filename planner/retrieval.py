"""`RetrievalPlanner`: from a sentence to a plan without a model, a key or a network. The default.

- It chooses by word overlap, fills by `slots`, and refuses whatever is not understood whole.
- The best action is filled or nothing is. It never goes down the list, because that is how "restart docker"
  becomes "reboot the host".
- A word that nothing explains is a refusal: it could be the word that changes everything ("not", "staging").
"""

from __future__ import annotations

import re

from gate.intent import Intent
from planner.asked import Refused, checked
from planner.catalog import CatalogView
from planner.clauses import Clause, clauses, command, is_question
from planner.places import Places, find_places
from planner.plan import MAX_STEPS, Plan, Reason
from planner.slots import Filling
from planner.validate import make_intent, problems
from planner.vocabulary import Entry, Vocabulary, content
from planner.words import ON, host_like, tokens

NAME = "retrieval"
CLOSE = 0.8  # a second action with this part of the best score could be meant as well

_INJECTION = re.compile(
    r"\b(ignore|disregard|forget|override)\b.*\b(instruction|rule|polic|prompt|previous|above)|system prompt"
    r"|\b(bypass|skip|without)\b.*\b(approval|gate|polic|check)|[$`|<>]|&&",
    re.IGNORECASE,
)


class RetrievalPlanner:
    """Offline and deterministic: the same request and catalog give the same plan."""

    name = NAME

    def plan(self, request: str, catalog: CatalogView) -> Plan:
        """The plan for one sentence, or the reason why there is none."""
        try:
            asked = checked(request)
            return Plan.in_order(asked, NAME, self._intents(asked, catalog))
        except Refused as no:
            return Plan.refused(request, NAME, no.reason, no.detail)

    def _intents(self, request: str, catalog: CatalogView) -> list[Intent]:
        said = tokens(request)
        if _INJECTION.search(request):
            raise Refused(Reason.UNSAFE_REQUEST, "The request speaks to the machinery, or in the words of a shell.")
        if is_question(request, said):
            raise Refused(Reason.NO_ACTION, "This is a question. Say what is to be done, as in a command.")
        vocabulary = Vocabulary(catalog)
        steps = clauses(said, vocabulary)
        if len(steps) > MAX_STEPS:
            raise Refused(Reason.AMBIGUOUS, f"These are {len(steps)} steps; a plan has {MAX_STEPS} at most.")
        if not steps:
            raise Refused(Reason.NO_ACTION, "The request is empty.")
        intents: list[Intent] = []
        for clause in steps:
            intents.append(_Reading(clause, catalog, vocabulary, intents[-1] if intents else None).intent(request))
        return intents


class _Reading:
    """One clause, read to the end or refused."""

    def __init__(self, clause: Clause, catalog: CatalogView, vocabulary: Vocabulary, before: Intent | None) -> None:
        self.catalog, self.vocabulary = catalog, vocabulary
        self.clause, self.places = _resolved(clause, catalog, before)
        # "restart nginx on the web hosts" says nothing about hosts: the noun only follows the name
        self.said = content(token for at, token in enumerate(self.clause) if at not in self.places.trailing)

    def intent(self, request: str) -> Intent:
        """The intent that the clause means.

        Raises:
            Refused: it is not understood whole.
        """
        best, filling = self._chosen()
        self._refuse_leftover(best, filling)
        if not self._provoked(best):
            raise Refused(Reason.NO_ACTION, f"{best.action.name} may be meant, but is not asked for in so many words.")
        if self.places.scattered:
            raise Refused(Reason.AMBIGUOUS, "Hosts are named at several places; it is not clear which are meant.")
        if not self.places.names:
            raise Refused(Reason.MISSING_PARAMETER, "No host or group of the inventory is named.")
        if filling.missing():
            raise Refused(Reason.MISSING_PARAMETER, f"{best.action.name} needs {', '.join(filling.missing())}.")
        return self._made(best, filling, request)

    def _chosen(self) -> tuple[Entry, Filling]:
        """The best action; among equally good ones the only one that the whole clause fits."""
        close = [(entry, self._filled(entry)) for entry in self._best()]
        fitting = [
            (entry, filling)
            for entry, filling in close
            if not filling.leftover() and not filling.missing() and self._provoked(entry)
        ]
        if len(fitting) > 1:
            names = ", ".join(entry.action.name for entry, _ in fitting)
            raise Refused(Reason.AMBIGUOUS, f"Several actions could be meant: {names}.")
        return fitting[0] if fitting else close[0]

    def _provoked(self, entry: Entry) -> bool:
        return self.vocabulary.provoked(entry, self.said)

    def _best(self) -> list[Entry]:
        """The action with the highest score among those whose verb is commanded, and those close to it."""
        scored = [
            (self.vocabulary.score(entry, self.said), entry)
            for entry in self.vocabulary.entries
            if command(self.clause, entry, self.places.positions.__contains__) is not None
        ]
        if not scored:
            raise Refused(Reason.NO_ACTION, "No action of the catalog has this verb as a command.")
        scored.sort(key=lambda pair: -pair[0])
        return [entry for score, entry in scored if score >= CLOSE * scored[0][0]]

    def _filled(self, entry: Entry) -> Filling:
        verb = command(self.clause, entry, self.places.positions.__contains__) or frozenset()
        used = verb | self.places.positions
        return Filling(self.clause, entry, self.vocabulary, frozenset(used), max(verb))

    def _refuse_leftover(self, entry: Entry, filling: Filling) -> None:
        left = filling.leftover()
        for at in left:
            token = self.clause[at]
            before = self.clause[at - 1].low if at else ""
            if (host_like(token) and token.low not in filling.hint_words) or (
                before in ON and token.plain and not self.places.names
            ):
                raise Refused(Reason.UNKNOWN_TARGET, f"{token.text!r} is no host or group of the inventory.")
        if left:
            words = ", ".join(repr(self.clause[at].text) for at in left[:5])
            raise Refused(Reason.NO_ACTION, f"{entry.action.name} seems to be meant, but nothing explains {words}.")
        link = self.places.link
        if link and link not in entry.links:
            raise Refused(Reason.AMBIGUOUS, f"It is not clear what {link!r} before the target means here.")

    def _made(self, entry: Entry, filling: Filling, request: str) -> Intent:
        made = make_intent(entry.action.name, list(self.places.names), filling.values, request[:500])
        if isinstance(made, str):
            raise Refused(Reason.UNSAFE_REQUEST, made)
        wrong = problems(made, request, self.catalog)
        if wrong:
            raise Refused(Reason.UNSAFE_REQUEST, "; ".join(wrong))
        return made


def _resolved(clause: Clause, catalog: CatalogView, before: Intent | None) -> tuple[Clause, Places]:
    """The clause with its places; "it" means the one host of a step before that spoke of nothing else."""
    places = find_places(clause, catalog)
    if places.names or before is None or before.parameters or len(before.targets) != 1:
        return clause, places
    at = next((number for number, token in enumerate(clause) if token.plain and token.low == "it"), None)
    if at is None:
        return clause, places
    return clause, Places(
        names=before.targets, positions=frozenset({at}), trailing=frozenset(), scattered=False, link=None
    )
