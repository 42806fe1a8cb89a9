"""Lines on a terminal: broken at words at any width, numbers beside their intervals, colour only where it is wanted."""

import io
import re

import pytest

from byheart.cli.layout import MEMORISED, MUTED, UNDERSTOOD, depth, laid_out, width, wrapped
from byheart.cli.summary import print_lines

README = [
    "byheart audit · Fashion-MNIST, MLP 784-128-10 · 5,000 images, 64 members · run 22d2a774ea9c",
    "  Understood    78.3% [76.8, 79.8]        of the 15,773.2 reference bits of the labels",
    "  By heart      19.4% [18.1, 20.7]        of the 15,773.2 reference bits of the labels",
    "  Memorised     19.4% [17.4, 21.4]        of the images: at least 25 points more accurate when trained on; 0.0% under permutation",
    "  Gap           13.9 points [12.8, 15.1]   between seen and left out, on the same examples",
    "  Planted       223 labels really changed (250 redrawn); AUC 0.989 [0.985, 0.992]; memorised 66.0% [58.7, 73.4]",
    "  Capacity      −0.31 bits per parameter [−0.42, −0.20]   of the model (null 0.2 [0.1, 0.3])",
    "  BH101 withheld  Labels worth checking, of which there may be more than the list of the page shows",
    "  note          What the model received: x as the task holds it.",
    "Report  byheart-audit/report.html   Data  byheart-audit/report.json",
]
INTERVAL = re.compile(r"[\d.%]+(?: points| bits per parameter)? \[[^\]]*\]")


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_nothing_is_cut_inside_a_word_and_numbers_keep_their_interval(columns):
    for line in README:
        lines = wrapped(line, columns)
        assert all(len(one) <= columns for one in lines if len(one.split()) > 1 and "[" not in one)
        assert " ".join(lines).split() == line.split()
        for number in INTERVAL.findall(line):
            assert any(number in one for one in lines), (number, lines)
        again = " ".join(lines[1:]).split()
        assert all(one.split()[0] in again for one in lines[1:])


def test_what_goes_on_hangs_below_its_value():
    assert wrapped(README[1], 80)[1] == " " * 16 + "labels"
    assert wrapped(README[3], 80)[1].startswith(" " * 16 + "accurate ")
    assert wrapped(README[7], 60)[1].startswith(" " * 18)
    assert wrapped(README[0], 60)[1] == "  images, 64 members · run 22d2a774ea9c"
    assert wrapped("  a-name-of-some-length          what it is in a line", 40)[1] == "    is in a line"


def test_a_word_longer_than_the_line_stays_whole_and_wide_signs_count_twice():
    assert wrapped("Page  " + "x" * 90, 40) == ["Page", "  " + "x" * 90]
    assert wrapped("漢字 漢字 漢字", 9) == ["漢字 漢字", "  漢字"]
    assert wrapped("", 40) == [""]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def no_wish(monkeypatch):
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_what_is_piped_stays_one_line_a_fact(monkeypatch, capsys):
    print_lines(*README)
    assert capsys.readouterr().out.splitlines() == README
    for odd in ("0", "-3", "wide", "٣"):
        monkeypatch.setenv("COLUMNS", odd)
        assert width(io.StringIO()) == 0
    monkeypatch.setenv("COLUMNS", "40")
    print_lines(*README)
    assert len(capsys.readouterr().out.splitlines()) > 25


@pytest.mark.parametrize("wish, on_a_terminal, piped", [
    ({}, True, False),
    ({"NO_COLOR": "1"}, False, False),
    ({"NO_COLOR": ""}, True, False),
    ({"FORCE_COLOR": "1"}, True, True),
    ({"FORCE_COLOR": "0"}, False, False),
    ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
    ({"TERM": "dumb"}, False, False),
    ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
])  # fmt: skip
def test_colour_where_it_is_wanted(wish, on_a_terminal, piped, monkeypatch):
    for name, value in wish.items():
        monkeypatch.setenv(name, value)
    assert bool(depth(Terminal())) is on_a_terminal
    assert bool(depth(io.StringIO())) is piped


def test_two_hues_grey_intervals_and_outcomes_and_nothing_else(monkeypatch):
    text = laid_out("\n".join(README), Terminal())
    assert re.sub(r"\x1b\[[\d;]*m", "", text) == "\n".join(README)
    for hue, number in ((UNDERSTOOD, "78.3%"), (MEMORISED, "19.4%"), (MUTED, "[76.8, 79.8]"), (MUTED, "withheld")):
        assert f"\x1b[{hue[1]}m{number}\x1b[0m" in text
    used = set(re.findall(r"\x1b\[([\d;]+)m", text))
    assert used == {"0", UNDERSTOOD[1], MEMORISED[1], MUTED[1]}
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert f"\x1b[{UNDERSTOOD[0]}m78.3%" in laid_out(README[1], Terminal())
    for word in ("issue", "tip", "withheld"):
        assert f"m{word}\x1b[0m" in laid_out(f"  BH102 {word:<9} a title", Terminal())


def test_a_message_on_a_terminal_is_broken_at_words(byheart, monkeypatch):
    assert len(byheart("list", "taks").err.splitlines()) == 1
    monkeypatch.setenv("COLUMNS", "40")
    lines = byheart("list", "taks").err.splitlines()
    assert len(lines) > 2
    assert all(len(line) <= 40 for line in lines)


def test_data_bring_no_colour_of_their_own(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_lines("  Understood    78.3% \x1b[2J[76.8, 79.8]")
    assert "\x1b[2J" not in capsys.readouterr().out
