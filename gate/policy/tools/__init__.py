"""For people: why, what if, what would other rules have said, and would the tests notice."""
