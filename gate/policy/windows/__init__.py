"""When something may be done: local times, what repeats, what the windows let through. Pure but for reading files."""
