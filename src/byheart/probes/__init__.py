"""One question each; the folders are the chapters of the report. List a new probe in `byheart.registry`."""
