"""Language modelling: the next character, word or sub-word of a text."""
