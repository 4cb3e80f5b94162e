"""The proof of an undo: real hosts, done and taken back by the gate itself, and looked at before and after.

`prove` tells the way; `ground` is the site that it is done on, `take_fingerprint/` the action that looks at a host.
"""
