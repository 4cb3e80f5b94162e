"""What a rule can say: facts and their vocabulary, conditions, predicates, and the plain evaluation of them. Pure."""
