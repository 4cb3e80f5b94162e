"""The folder of rules as one book, and what is wrong with it although it can be read."""
