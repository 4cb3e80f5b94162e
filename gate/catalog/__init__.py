"""What can be wanted: the actions that an infra team wrote, read from their folders.

- Closed: an action with one finding of `check.py` is not offered; it is reported with file, line, reason and mend.
- Typed once: Ansible's own argument specification is the schema, the check and the form.
- Bound: every action carries the digest of all that it consists of.
"""
