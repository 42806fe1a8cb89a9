"""Embedded series: CO2, sunspots, El Nino and a resting brain, which travel with the package."""

from __future__ import annotations

import csv
import io
from abc import abstractmethod
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from byheart.tasks.data import Data
from byheart.tasks.stretches import parted
from byheart.tasks.tabular import no_column
from byheart.tasks.vendored import manifest, read_bytes
from byheart.tasks.windowed_task import Windowed


class Embedded(Windowed):
    """A series that travels with the package. A subclass gives `file`, `title`, and how its rows are read."""

    file: ClassVar[str]
    title: ClassVar[str]
    time: ClassVar[str]

    def draw(self, seed: int) -> Data:
        """The windows of the series; `seed` changes nothing."""
        content = read_bytes(self.file)
        moments, values, names = self._rows([*csv.DictReader(io.StringIO(content.decode()))])
        stretches, said = parted(moments, values, [f"in row {place + 1}" for place in range(len(values))])
        held = manifest()[self.file]
        about = {
            "title": self.title, "source": held.source, "licence": held.licence, "sha256": held.sha256, "inferred": said
        }  # fmt: skip
        return self._drawn(stretches, names, self.time, about)

    @abstractmethod
    def _rows(self, rows: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Times (t,), values (t, d) and the names of the channels."""


class Co2(Embedded):
    """How much CO2 will there be next week? Weekly at Mauna Loa, 1958 to 2001, 59 weeks missing.

    Reference: Keeling and Whorf, Scripps Institution of Oceanography, by statsmodels.
    """

    name = "co2"
    window: Annotated[int, Field(ge=1, le=1000)] = 11
    file = "co2.csv"
    title = "CO2 at Mauna Loa, weekly"
    time = "date"

    def _rows(self, rows: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
        dates = [f"{row['date'][:4]}-{row['date'][4:6]}-{row['date'][6:]}" for row in rows]
        values = [float(row["co2"] or "nan") for row in rows]
        return np.array(dates, "datetime64[D]").astype(np.float64), np.array(values)[:, None], ["co2"]


class Sunspots(Embedded):
    """How many sunspots will there be next year? Yearly, 1700 to 2008.

    Reference: SIDC, Royal Observatory of Belgium, by statsmodels.
    """

    name = "sunspots"
    file = "sunspots.csv"
    title = "Sunspots, yearly"
    time = "YEAR"

    def _rows(self, rows: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
        years = np.array([float(row["YEAR"]) for row in rows])
        return years, np.array([[float(row["SUNACTIVITY"])] for row in rows]), ["sunspots"]


class ElNino(Embedded):
    """How warm will the sea be next month? Surface temperature of an El Nino region, monthly, 1950 to 2010.

    Reference: NOAA Climate Prediction Center, by statsmodels.
    """

    name = "el-nino"
    file = "elnino.csv"
    title = "El Nino, sea surface temperature, monthly"
    time = "month"

    def _rows(self, rows: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
        values = np.array([[float(row[name]) for name in row if name != "YEAR"] for row in rows])
        return np.arange(values.size, dtype=np.float64), values.reshape(-1, 1), ["temperature"]


class Fmri(Embedded):
    """What will regions of a resting brain do next? fMRI of 250 volumes; the regions that `regions` names.

    Reference: nitime developers, a data set of one resting subject.
    """

    name = "fmri"
    file = "nitime-fmri.csv"
    title = "Resting fMRI"
    time = "volume"

    regions: tuple[str, ...] = ("LCau", "LPut", "LThal", "LPCC", "LPrec")

    @field_validator("regions", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, (one.strip() for one in value.split(",")))) if isinstance(value, str) else value

    def draw(self, seed: int) -> Data:
        """The windows of the regions."""
        known = tuple(read_bytes(self.file).decode().splitlines()[0].replace('"', "").split(","))
        for name in self.regions:
            if name not in known:
                raise no_column(name, known, "the fMRI")
        return super().draw(seed)

    def _rows(self, rows: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
        values = np.array([[float(row[name]) for name in self.regions] for row in rows])
        return np.arange(len(values), dtype=np.float64), values, [*self.regions]
