"""Starting what is ready, in the background, on threads that DBOS keeps a durable record of.

- The queue is the table of changes: `ready` was committed together with the decision, so nothing is lost
  between a decision and its start, and a start needs no poll.
- A job that began is never begun again by the machine (no recovery attempts, an executor id for each boot).
"""
