"""The public data sets, one module each."""
