"""Policy: may this be done now? A deterministic answer from YAML rules, never from a model.

Promises: deny beats approval beats allow, and nothing said is a deny; a decision is a pure function of its recorded
facts and rules; whatever goes wrong while deciding is a deny that says what went wrong.
Refuses: to know the database, the catalog or the inventory. What it must know is in the `Question` and the `History`.

The way of a question: `facts` (flat facts per host) -> `evaluator` (the engine, in a child process) beside `reference`
(the same rules in plain Python) -> `decision` (combines). The way of the rules: `rulebook` -> `compile` -> `evaluator`.
"""
