"""READ FIRST: the story of a change, one deed a file, in the order in which they happen.

submit (a wish comes in) → decide (the policy speaks) → preview (what would happen) → approve (people speak) →
start and execute (it happens) → finish; then undo, settle, recover and expire. Every arrow is one
transaction: the guarded move, the ledger entry and what follows from it, or nothing.
"""
