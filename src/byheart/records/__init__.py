"""What travels and what is kept: frozen, JSON-able, free of torch."""
