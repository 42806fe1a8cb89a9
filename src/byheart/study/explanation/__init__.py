"""What one explanation rests on: its recorded trainings, its check, and the steps that leave them in the ledger."""
