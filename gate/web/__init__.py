"""The HTTP door: small, JSON only, on loopback or a unix socket. It decides nothing; it checks who speaks."""
