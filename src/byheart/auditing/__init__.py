"""The front door: study and report put together, for Python (`byheart.audit`) and for the command line."""
