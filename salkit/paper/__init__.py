"""The paper's tables: what it reports, what the configs give, and running what is missing.

Beside them, the page of all models that have weights or scores (`models_page`).
"""

from .rows import METRICS, TABLES, Row, Table, rows_of

__all__ = ['METRICS', 'TABLES', 'Row', 'Table', 'rows_of']
