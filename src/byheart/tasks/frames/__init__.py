"""Data frames of pandas, polars and pyarrow as data: kept exactly, cut by rows, read like a table file."""
