"""Transduction: to write the target of a source, such as its translation."""
