"""Tagging: one tag for each word of a sentence, or for each character of a text."""
