"""Lays out the files that the documents speak of, small."""


def lay_out(folder, text):
    """Make what a block names, unless a block before has made it."""
