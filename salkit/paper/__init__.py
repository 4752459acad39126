"""The paper's tables: what it reports, what the configs give, and running what is missing."""

from .rows import METRICS, TABLES, Row, Table, rows_of

__all__ = ['METRICS', 'TABLES', 'Row', 'Table', 'rows_of']
