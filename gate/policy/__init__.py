"""Policy: may this be done now? A deterministic answer from YAML rules, never from a model.

Promises: deny beats approval beats allow, and nothing said is a deny; a decision is a pure function of its recorded
facts and rules; whatever goes wrong while deciding is a deny that says what went wrong.
Refuses: to know the database, the catalog or the inventory. What it must know is in the `Question` and the `History`.

The way of a question is in the files of this folder: `question` -> `facts` (flat facts per host) -> `policy` (asks the
engine, and beside it the same rules in plain Python) -> `decision` (combines).
The way of the rules goes up through the rooms: `language` (what a rule can say) -> `windows`, `limits`, `risk` ->
`rules` (one book of all) -> `engine` -> `tables` (tests) -> `generations` (what decides now) -> `tools` (for people).
"""
