"""Permission to run exactly this, once, until then. Pure; keys and time are passed in."""
