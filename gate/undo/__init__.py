"""Taking back: whether it can be done, and from what. Pure; doing it is an ordinary change."""
