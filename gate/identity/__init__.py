"""Who speaks: bearer tokens with scopes, and the user of this machine. Never an argument."""
