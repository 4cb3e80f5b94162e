"""The door for people: nouns and verbs, tables or JSON, errors in three lines, exit codes with names."""
