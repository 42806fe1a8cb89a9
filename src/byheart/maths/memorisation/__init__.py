"""What a model has by heart: scores, their share, influences, membership, copies, learning order, planted secrets."""

from byheart.maths.memorisation.share import memorised_share

__all__ = ["memorised_share"]
