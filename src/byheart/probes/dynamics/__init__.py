"""How far back in time must be remembered, how far back a model remembers, and does it reproduce what it saw?"""
