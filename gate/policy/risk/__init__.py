"""How risky a change is on a host, by a recipe that is data. Pure."""
