"""Language modelling: the next character or word of a text."""
