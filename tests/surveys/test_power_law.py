"""The survey power-law: what it reads and where it withholds; its mathematics is tested in tests/maths."""

import pytest

from byheart.errors import InputRefused, UnknownName
from byheart.report.cards import About, card_of
from byheart.report.cards.reasons import why
from byheart.surveys.budget import Budget
from byheart.surveys.dose import Dose
from byheart.surveys.peak import Peak
from byheart.surveys.power_law import PowerLaw
from byheart.testing.surveys import QUANTITY, line, subjects

LAW = PowerLaw(quantity=QUANTITY, by="size")
BITS = "complexity/description-length/memorised_bits"


def powers(b, k=6, a=3.0):
    return [a * i**b for i in range(1, k + 1)]


def test_a_power_has_its_exponent_and_its_middle():
    found = LAW.read(*line(powers(0.7)))
    assert found.quantities["exponent"].value == pytest.approx(0.7)
    assert found.quantities["middle"].value == pytest.approx(3 * found.details["center"] ** 0.7)
    assert found.quantities["middle"].unit == "auc"
    table = found.tables["law"].values
    assert table["law"] == pytest.approx([*powers(0.7), 3 * 12**0.7])
    assert (table["measured"][:-1], table["measured"][-1]) == (pytest.approx(powers(0.7)), None)
    assert (table["measured_low"][0], table["measured_high"][0]) == pytest.approx((2.95, 3.05))


def test_what_the_smaller_sizes_say_of_the_largest():
    values = powers(0.5)
    values[-1] *= 1.02
    assert LAW.read(*line(values)).quantities["last_over_law"].value == pytest.approx(1.02)
    assert "last_over_law" not in LAW.read(*line(powers(0.5, 4))).quantities


@pytest.mark.parametrize("values", [[5 * 0.6**i for i in range(6)], [1, 2, 4, 4.1, 4.1, 4.1]])
def test_what_is_no_power_has_no_exponent(values):
    found = LAW.read(*line(values))
    assert (found.status, found.withheld.code, found.quantities) == ("withheld", "no power law", {})
    assert "no power of the size" in why(found.withheld, About())
    assert found.curves["first"].y == tuple(values)


@pytest.mark.parametrize("last", [0.0, -1.0, 0.04], ids=["zero", "negative", "interval over zero"])
def test_a_point_that_may_be_0_withholds_the_law(last):
    """Left out it would bend the law: those that remain are those that errors pushed up."""
    found = LAW.read(*line([3.0, 2.0, 1.5, 1.2, last]))
    assert found.withheld.code == "may be 0"
    assert found.withheld.figures == {"sizes": 1, "of": 5, "at": 5}


def test_a_size_of_0_has_no_logarithm():
    found, grid = line(powers(0.7))
    grid = {name: {"size": settings["size"] - 1} for name, settings in grid.items()}
    assert LAW.read(found, grid).withheld.figures["at"] == 0


def test_three_sizes_are_withheld():
    assert LAW.read(*line(powers(0.7, 3))).withheld.code == "small grid"
    found, grid = line(powers(0.7, 4))
    del found["size=2"]
    assert LAW.read(found, grid).withheld.figures == {"measured": 3, "needed": 4}


@pytest.mark.parametrize("at, said", [(0.5, True), (12, True), (0.4, False), (12.5, False)])
def test_a_prediction_beyond_twice_the_range_is_withheld(at, said):
    found = LAW.model_copy(update={"at": at}).read(*line(powers(0.7)))
    text = " ".join(card_of(found, About()).body)
    assert ("predicted" in found.quantities) is said
    if said:
        assert found.quantities["predicted"].value == pytest.approx(3 * at**0.7)
        assert "At the size asked for" in text
    else:
        (reason,) = found.details["lacking"]
        assert reason.figures == {"at": at, "least": 0.5, "most": 12}
        assert f"No prediction: a law is carried from half the smallest size to twice the largest, 0.5 to 12, and not to {at}." in text


def test_below_a_ceiling_it_is_what_is_missing():
    grid = {f"size={i}": {"size": i} for i in range(1, 7)}
    found = subjects({f"size={i}": {QUANTITY: 1 - 0.5 * i**-0.8} for i in range(1, 7)}, half=0.01)
    law = PowerLaw(quantity=QUANTITY, by="size", ceiling=1).read(found, grid)
    assert law.quantities["exponent"].value == pytest.approx(-0.8)
    assert law.quantities["exponent"].interval[0] < -0.8 < law.quantities["exponent"].interval[1]
    curve = law.curves["first"]
    assert (curve.low[0], curve.y[0], curve.high[0]) == pytest.approx((0.49, 0.5, 0.51))
    assert curve.y_axis.name == "1 less first"


def test_parameters_are_the_ratio_of_two_numbers_of_bits():
    sizes = [610, 1210, 2410, 4810]
    found = subjects({f"s{n}": {QUANTITY: n**0.5, BITS: 100.0, f"{BITS}_per_parameter": 100 / n} for n in sizes}, 0.01)
    answers = {name: {QUANTITY.rpartition("/")[0]: of["made/up"], BITS.rpartition("/")[0]: of["made/up"]} for name, of in found.items()}
    law = PowerLaw(quantity=QUANTITY, by="parameters")
    assert set(law.paths()) == {QUANTITY, BITS, f"{BITS}_per_parameter"}
    read = law.read(answers, {name: {"width": 1} for name in found})
    assert read.tables["law"].values["size"] == (*sizes, 9620)
    assert read.quantities["exponent"].value == pytest.approx(0.5)


SURVEYS = (
    LAW, Dose(quantity=QUANTITY, by="size"), Peak(quantity=QUANTITY, by="size"),
    Budget(by="size", understood=QUANTITY, memorised=QUANTITY, left=QUANTITY),
)  # fmt: skip


@pytest.mark.parametrize("survey", SURVEYS, ids=lambda one: one.name)
def test_it_is_read_where_the_other_settings_have_one_value(survey):
    """Noise at 0.2 goes another way; the mean over both is no power."""
    clean, noisy = powers(0.5), powers(2.0)
    made = {f"{flip} {i}": (flip, i, y) for flip, ys in ((0.0, clean), (0.2, noisy)) for i, y in enumerate(ys, 1)}
    found = subjects({name: {QUANTITY: y} for name, (_, _, y) in made.items()})
    grid = {name: {"flip": flip, "size": i} for name, (flip, i, _) in made.items()}
    at = survey.model_copy(update={"where": {"flip": 0.2}})
    assert next(iter(at.read(found, grid).curves.values())).y == pytest.approx(noisy)
    with pytest.raises(UnknownName, match="flop"):
        survey.model_copy(update={"where": {"flop": 0.2}}).read(found, grid)
    with pytest.raises(InputRefused, match=r"0\.3"):
        survey.model_copy(update={"where": {"flip": 0.3}}).read({}, grid)


def test_a_survey_of_the_whole_grid_keeps_its_key():
    for survey in SURVEYS:
        assert "where" not in survey.key_fields()
    assert Dose(quantity=QUANTITY, by="size", where={"a": 1}).key_fields()["where"] == {"a": 1}


def test_the_card_says_what_twice_the_size_brings_and_what_stays_open():
    card = card_of(LAW.read(*line(powers(1.0))), About())
    assert card.body[0].startswith("Twice the size: 2.00 times as much")
    assert "not ruled out, which is less than being one" in card.body[1]
    (chart,) = card.charts
    assert chart.x.log
    assert chart.y.log
    assert [one.label for one in chart.lines] == ["measured", "power law"]
    assert chart.lines[1].x[-1] == 12
    assert len(chart.table.rows) == 7
