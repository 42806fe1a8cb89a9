"""What of the blobs can be believed, for making an index anew."""

from __future__ import annotations

from collections.abc import Mapping

from byheart.errors import LedgerDamaged
from byheart.ledger.blobs import Blobs, is_digest
from byheart.ledger.entry import Entry, read_entry


def sound_entries(blobs: Blobs, known: Mapping[str, str]) -> list[tuple[str, Entry]]:
    """The entries whose text is true and whose arrays are there, one a key.

    Of several entries of a key the one that `known` names is taken; else a result goes before a failure
    (one that was written and never recorded must not hide a result), and then the one written first.

    Args:
        blobs: where to look.
        known: key to digest, in the order of recording, as far as an old index can say.

    Returns:
        (digest, entry): known keys in their order, then the others in the order of writing.
    """
    best: dict[str, tuple[tuple[bool, bool, int, str], Entry]] = {}
    for written, digest in blobs.names(".json"):
        entry = _sound(blobs, digest)
        if entry is None:
            continue
        rank = (known.get(entry.key) != digest, entry.state == "failed", written, digest)
        if entry.key not in best or rank < best[entry.key][0]:
            best[entry.key] = rank, entry
    place = {key: i for i, key in enumerate(known)}
    chosen = sorted(best.values(), key=lambda pair: (place.get(pair[1].key, len(place)), pair[0][2:]))
    return [(rank[3], entry) for rank, entry in chosen]


def _sound(blobs: Blobs, digest: str) -> Entry | None:
    try:
        entry = read_entry(blobs.read(digest, ".json", "?"), digest)
        if not is_digest(entry.key):
            return None
        if entry.arrays is not None and not blobs.path(entry.arrays, ".safetensors").is_file():
            return None
    except LedgerDamaged:
        return None
    return entry
