"""The rules as they change: the newest sound ones decide, and every generation that did is kept."""
