"""The rules engine behind one file, in a process that can do nothing else, and what it is given."""
