"""The log of everything that was wished, decided and done. Append-only, and it shows tampering.

- An entry is canonical JSON; its leaf, and the tree over all leaves, are those of RFC 6962.
- The tree's head is signed and kept outside the database (C2SP checkpoints): who rewrites the
  database cannot rewrite what was signed before.
- The room knows no other room: entries are plain data.
"""
