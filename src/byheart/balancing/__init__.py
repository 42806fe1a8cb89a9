"""The balance command: which setting of levers serves this user's model best, and what each costs and buys."""
