"""A first mapping, guessed from sample records, each guess with its reason."""
