"""Rules are tested by tables of cases: reading them, and asking a policy every case."""
