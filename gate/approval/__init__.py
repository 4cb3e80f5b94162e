"""A human's yes to one exact thing. Pure: who may, how many, for how long, and what the yes is bound to."""
