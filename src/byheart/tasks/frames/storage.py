"""How is a frame kept in the ledger? As JSON and arrays, exactly, and never by pickle.

polars and pyarrow write themselves in Arrow's format. pandas has columns that Arrow changes on the way (text that was
`object`, NaN beside missing, the index), so each is kept by its dtype: numbers as they are, moments as whole numbers,
categories as codes, text as JSON.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from byheart.errors import InputRefused

Arrays = dict[str, np.ndarray]
_PLAIN = "biuf"  # kinds of numpy that an array keeps as they are


def stored(native: Any, library: str) -> tuple[dict[str, Any], Arrays]:
    """A frame as JSON and arrays.

    Raises:
        InputRefused: a column whose dtype cannot be kept exactly; it is named.
    """
    if library == "pandas":
        return _of_pandas(native)
    return {}, {"bytes": np.frombuffer(_in_arrow(native, library), np.uint8).copy()}


def restored(document: Mapping[str, Any], arrays: Mapping[str, np.ndarray], library: str) -> Any:
    """The frame that `stored` kept."""
    if library == "pandas":
        return _to_pandas(document, arrays)
    content = arrays["bytes"].tobytes()
    if library == "polars":
        import polars

        return polars.read_ipc(io.BytesIO(content))
    import pyarrow

    return pyarrow.ipc.open_stream(content).read_all()


def must_come_back(native: Any, library: str) -> tuple[dict[str, Any], Arrays]:
    """What is kept of the frame, once it is certain that the same frame comes back from it.

    Raises:
        InputRefused: it does not; the columns that differ are named.
    """
    document, arrays = stored(native, library)
    back = restored(document, arrays, library)
    again, same = stored(back, library)
    wrong = [name for name in set(arrays) | set(same) if not _equal(arrays.get(name), same.get(name))]
    if again != document or wrong or _types(back, library) != _types(native, library):
        raise InputRefused(
            expected=f"a {library} frame that can be kept exactly",
            came=f"one that comes back with {', '.join(_changed(native, back, library)) or 'another content'}",
            do="Convert these columns to a common dtype (numbers, text, dates, categories).",
        )
    return document, arrays


def frame_digest(document: Any, arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of what is kept."""
    found = hashlib.sha256(json.dumps(document, sort_keys=True).encode())
    for name in sorted(arrays):
        found.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode() + arrays[name].tobytes())
    return found.hexdigest()


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is not None and other is not None and one.dtype == other.dtype and one.tobytes() == other.tobytes()


def _types(native: Any, library: str) -> list[tuple[str, str]]:
    if library == "pandas":
        axes = [("index", repr(native.index.dtype)), ("names of columns", repr(native.columns.dtype))]
        return [*((str(name), repr(dtype)) for name, dtype in native.dtypes.items()), *axes]
    schema = native.schema
    pairs = schema.items() if library == "polars" else zip(schema.names, schema.types)
    return [(name, repr(dtype)) for name, dtype in pairs]


def _changed(native: Any, back: Any, library: str) -> list[str]:
    pairs = zip(_types(native, library), _types(back, library))
    return [f"{name}: {new} in the place of {old}" for (name, old), (_, new) in pairs if old != new]


def _in_arrow(native: Any, library: str) -> bytes:
    if library == "polars":
        buffer = io.BytesIO()
        native.rechunk().write_ipc(buffer)
        return buffer.getvalue()
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, native.schema) as writer:
        writer.write_table(native.combine_chunks())
    return sink.getvalue().to_pybytes()


def _of_pandas(frame: Any) -> tuple[dict[str, Any], Arrays]:
    arrays: Arrays = {}
    named = [f"column {name!r}" for name in frame.columns]
    columns = [_column(frame.iloc[:, place], f"{place}", where, arrays) for place, where in enumerate(named)]
    index, names = (_index(one, key, arrays) for one, key in ((frame.index, "index"), (frame.columns, "names")))
    return {"columns": columns, "names": names, "index": index}, arrays


def _to_pandas(document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Any:
    import pandas

    read = [_read(kept, f"{place}", arrays) for place, kept in enumerate(document["columns"])]
    made = pandas.DataFrame({place: pandas.Series(one, copy=False) for place, one in enumerate(read)}, copy=False)
    made.index, made.columns = (_read_index(document[key], key, arrays) for key in ("index", "names"))
    return made


def _index(index: Any, key: str, arrays: Arrays) -> dict[str, Any]:
    import pandas

    if type(index) is pandas.RangeIndex:
        return {"range": [index.start, index.stop, index.step], "name": _scalar(index.name)}
    where = {"index": "the index", "names": "the names of columns"}[key]
    kept = _column(pandas.Series(index, dtype=index.dtype), key, where, arrays)
    return {"values": kept, "name": _scalar(index.name)}


def _read_index(kept: Mapping[str, Any], key: str, arrays: Mapping[str, np.ndarray]) -> Any:
    import pandas

    name = _unscalar(kept["name"])
    if "range" in kept:
        return pandas.RangeIndex(*kept["range"], name=name)
    values = pandas.Series(_read(kept["values"], key, arrays))
    return pandas.Index(values, name=name, dtype=values.dtype)


def _column(series: Any, key: str, where: str, arrays: Arrays) -> dict[str, Any]:
    """One column as JSON; its numbers go to `arrays` under `key`. Refusals say `where` it stands."""
    import pandas

    dtype, values = series.dtype, series.array
    if isinstance(dtype, np.dtype) and dtype.kind in _PLAIN:
        arrays[key] = np.ascontiguousarray(series.to_numpy())
        return {"kind": "plain"}
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        arrays[key] = series.to_numpy().view("i8").copy()
        return {"kind": "moments", "dtype": dtype.str}
    if isinstance(dtype, pandas.DatetimeTZDtype):
        arrays[key] = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().view("i8").copy()
        return {"kind": "zoned", "unit": dtype.unit, "dtype": str(dtype)}
    if isinstance(dtype, pandas.CategoricalDtype):
        arrays[key] = np.asarray(values.codes)
        words = pandas.Series(dtype.categories, dtype=dtype.categories.dtype)
        kept = _column(words, f"{key}.categories", where, arrays)
        return {"kind": "category", "ordered": bool(dtype.ordered), "categories": kept}
    if isinstance(dtype, pandas.StringDtype):
        missing = "NA" if dtype.na_value is pandas.NA else "nan"
        texts = [None if gone else str(one) for one, gone in zip(series.tolist(), series.isna())]
        return {"kind": "string", "storage": dtype.storage, "missing": missing, "texts": texts}
    if hasattr(values, "_mask") and hasattr(values, "_data"):  # nullable numbers and truth values
        arrays[key], arrays[f"{key}.gone"] = np.array(values._data), np.array(values._mask)
        return {"kind": "nullable", "array": type(values).__name__}
    if isinstance(dtype, pandas.ArrowDtype):
        import pyarrow

        table = pyarrow.table({"x": values.__arrow_array__()})
        arrays[key] = np.frombuffer(_in_arrow(table, "pyarrow"), np.uint8).copy()
        return {"kind": "arrow"}
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return {"kind": "object", "values": _objects(series, where)}
    raise InputRefused(
        expected="columns of numbers, text, truth values, dates, durations or categories",
        came=f"dtype {dtype} in {where}",
        do="Convert it, or drop the column.",
    )


def _read(kept: Mapping[str, Any], key: str, arrays: Mapping[str, np.ndarray]) -> Any:
    """The values of the column that `_column` kept."""
    import pandas

    match kept["kind"]:
        case "plain":
            return arrays[key]
        case "moments":
            return arrays[key].view(kept["dtype"])
        case "zoned":
            moments = pandas.Series(arrays[key].view(f"M8[{kept['unit']}]")).dt.tz_localize("UTC")
            return moments.astype(kept["dtype"])
        case "category":
            words = pandas.Series(_read(kept["categories"], f"{key}.categories", arrays))
            return pandas.Categorical.from_codes(
                arrays[key], categories=pandas.Index(words, dtype=words.dtype), ordered=kept["ordered"]
            )
        case "string":
            missing = pandas.NA if kept["missing"] == "NA" else np.nan
            dtype = pandas.StringDtype(kept["storage"], na_value=missing)
            return pandas.array(kept["texts"], dtype=dtype)
        case "nullable":
            kinds = {name: getattr(pandas.arrays, name) for name in ("IntegerArray", "FloatingArray", "BooleanArray")}
            return kinds[kept["array"]](arrays[key], arrays[f"{key}.gone"])
        case "arrow":
            import pyarrow

            return pandas.arrays.ArrowExtensionArray(pyarrow.ipc.open_stream(arrays[key].tobytes()).read_all()["x"])
    values = np.empty(len(kept["values"]), dtype=object)
    values[:] = [_unscalar(one) for one in kept["values"]]
    return pandas.Series(values, dtype=object)


def _objects(series: Any, where: str) -> list[Any]:
    """Text, truth values, numbers and dates of one kind, as JSON.

    Raises:
        InputRefused: other objects, or several kinds in one column.
    """
    kinds = {type(one).__name__ for one, gone in zip(series.tolist(), series.isna()) if not gone}
    if len(kinds - {"int", "float"}) > 1 or (len(kinds) > 1 and not kinds <= {"int", "float"}):
        counts = {kind: sum(type(one).__name__ == kind for one in series.tolist()) for kind in sorted(kinds)}
        raise InputRefused(
            expected=f"values of one kind in {where}",
            came=" and ".join(f"{count:,} of {kind}" for kind, count in counts.items()),
            do="Convert it to one: .astype(str), or pd.to_numeric(..., errors='coerce').",
        )
    try:
        return [_scalar(one) for one in series.tolist()]
    except TypeError:
        raise InputRefused(
            expected=f"one number, word or date per cell in {where}", came=", ".join(sorted(kinds)),
            do="Spread it over columns of its own, or drop it.",
        ) from None  # fmt: skip


def _scalar(value: Any) -> Any:
    """One object as JSON: text as it is, all else marked by its kind."""
    import datetime
    import decimal

    import pandas

    if isinstance(value, str):
        return str(value)
    if value is None or value is pandas.NA:
        return {"gone": "None" if value is None else "NA"}
    if isinstance(value, bool | np.bool_):
        return {"bool": bool(value)}
    if isinstance(value, int | np.integer):
        return {"int": str(int(value))}  # JSON readers may make floats of large ones
    if isinstance(value, float | np.floating):
        return {"gone": "nan"} if value != value else {"float": float(value).hex()}
    if type(value) is datetime.date:
        return {"date": value.isoformat()}
    if type(value) is datetime.time:
        return {"time": value.isoformat()}
    if type(value) is decimal.Decimal:
        return {"decimal": str(value)}
    raise TypeError(f"{type(value).__name__}")


def _unscalar(kept: Any) -> Any:
    import datetime
    import decimal

    import pandas

    if isinstance(kept, str):
        return kept
    ((kind, value),) = kept.items()
    reads = {"bool": bool, "int": int, "float": float.fromhex, "date": datetime.date.fromisoformat}
    reads |= {"time": datetime.time.fromisoformat, "decimal": decimal.Decimal}
    return {"None": None, "NA": pandas.NA, "nan": np.nan}[value] if kind == "gone" else reads[kind](value)
