"""How much may be done: rates, numbers at once, hosts, cool-downs and breakers, counted from the past. Pure."""
