"""The page as a browser shows it: at 1280x720, in the dark, at 360 px, and without JavaScript."""

from __future__ import annotations

import html
import json
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import documents
from pages import Outline, page

from byheart.report.page import render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

if CHROMIUM:

    def _run(folder, *options):
        common = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
        ]
        return subprocess.run(
            [CHROMIUM, *common, *options], capture_output=True, text=True, timeout=60, check=True
        ).stdout

    def _shot(folder, path, size, *options):
        _run(
            folder, *options, f"--window-size={size[0]},{size[1]}", f"--screenshot={folder}/shot.png", f"file://{path}"
        )
        return _pixels((folder / "shot.png").read_bytes())

    def _pixels(png):
        wide, high, _, kind = struct.unpack(">IIBB", png[16:26])
        at, packed = 8, b""
        while at < len(png):
            size, name = struct.unpack(">I4s", png[at : at + 8])
            packed += png[at + 8 : at + 8 + size] if name == b"IDAT" else b""
            at += 12 + size
        raw = zlib.decompress(packed)
        step = {2: 3, 6: 4}[kind] * wide + 1
        filters = {raw[step * y] for y in range(high)}
        return wide, high, raw, filters

    def test_light_and_dark_are_drawn_and_differ(tmp_path):
        path = tmp_path / "page.html"
        path.write_text(page("fashion"), encoding="utf-8")
        light = _shot(tmp_path, path, (1280, 720))
        dark = _shot(tmp_path, path, (1280, 720), "--blink-settings=preferredColorScheme=0")
        assert light[:2] == dark[:2] == (1280, 720)
        assert len(zlib.compress(light[2])) > 40_000
        assert len(zlib.compress(dark[2])) > 40_000
        assert light[2] != dark[2]

    FRAMES = {"fashion": (1280, 360), "table": (1280, 360), "nothing": (360,), "hostile": (360,)}
    MEASURE = """<script>addEventListener("load", () => { for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, width = frame.clientWidth;
    const out = [...page.querySelectorAll("body *")].filter((one) => !one.closest(".scroll, .sr, .skip, pre, svg")
      && one.getBoundingClientRect().right > width + 1).map((one) => one.className || one.tagName);
    const first = page.querySelector(".most") || page.querySelector(".first");
    document.body.append(`MEASURED ${frame.id} ${page.documentElement.scrollWidth} ${Math.round(first.getBoundingClientRect().bottom)} ${out[0] || "none"} END `);
    } });</script>"""

    def test_the_first_screen_fits_and_nothing_scrolls_sideways(tmp_path):
        frames = []
        for name, widths in FRAMES.items():
            (tmp_path / f"{name}.html").write_text(page(name), encoding="utf-8")
            frames += [
                f'<iframe id="{name}-{width}" src="{name}.html" style="width:{width}px;height:720px;border:0"></iframe>'
                for width in widths
            ]
        (tmp_path / "frames.html").write_text("<!doctype html>" + "".join(frames) + MEASURE, encoding="utf-8")
        dom = _run(
            tmp_path,
            "--allow-file-access-from-files",
            "--virtual-time-budget=4000",
            "--dump-dom",
            f"file://{tmp_path}/frames.html",
        )
        found = re.findall(r"MEASURED (\w+)-(\d+) (\d+) (\d+) (.*?) END", dom.rpartition("</script>")[2])
        assert len(found) == len(frames)
        for name, width, wide, bottom, out in found:
            assert int(wide) <= int(width), (name, width, wide)
            assert out == "none", (name, width, out)
            assert int(width) < 1280 or int(bottom) <= 720, (name, bottom)

    AXE = """<script>addEventListener("load", async () => {
    const found = await axe.run(document, {resultTypes: ["violations"]});
    const told = found.violations.map((one) => [one.id, one.impact, one.nodes[0].html.slice(0, 200)]);
    parent.document.body.append(`AXE ${name} ${JSON.stringify(told)} END `);
    });</script>"""
    CONFORM = {"fashion": 1280, "table": 1280, "regression": 360, "text": 1280, "nothing": 360}

    def _violations(folder, pages, *options):
        """Page -> what axe-core finds in it, all in one browser."""
        axe = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
        (folder / "axe.js").write_text(axe, encoding="utf-8")
        frames = []
        for name, (text, width) in pages.items():
            open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
            open_page = open_page.replace("</body>", f'<script src="axe.js"></script>{AXE}</body>')
            (folder / f"{name}.html").write_text(open_page, encoding="utf-8")
            frames.append(f'<iframe name="{name}" src="{name}.html" style="width:{width}px;height:900px"></iframe>')
        (folder / "frames.html").write_text("<!doctype html><body>" + "".join(frames), encoding="utf-8")
        dom = _run(
            folder,
            *options,
            "--allow-file-access-from-files",
            "--virtual-time-budget=60000",
            "--dump-dom",
            f"file://{folder}/frames.html",
        )
        found = re.findall(r"AXE (\S+) (.*?) END", dom.rpartition("</iframe>")[2], re.DOTALL)
        return {name: json.loads(html.unescape(told)) for name, told in found}

    def _serious(violations):
        return [one for one in violations if one[1] in {"serious", "critical"}]

    def test_axe_finds_no_serious_violation(tmp_path):
        pages = {name: (page(name), width) for name, width in CONFORM.items()}
        pages["issues"] = page("table").replace('<details class="list"', '<details open class="list"'), 360
        found = _violations(tmp_path, pages)
        assert set(found) == set(pages)
        assert {name: _serious(told) for name, told in found.items()} == {name: [] for name in pages}

    def test_axe_finds_none_in_the_dark_and_one_where_there_is_one(tmp_path):
        broken = page("table").replace("<body>", '<body><img src="data:image/png;base64,AA==">')
        pages = {"dark": (page("table"), 1280), "broken": (broken, 1280)}
        found = _violations(tmp_path, pages, "--blink-settings=preferredColorScheme=0")
        assert _serious(found["dark"]) == []
        assert [one[0] for one in _serious(found["broken"])] == ["image-alt"]

    # what a reader does with the list of labels: open, filter, copy; the clipboard is closed to a page in a frame
    ACT = """<script>addEventListener("load", async () => { const page = document.querySelector("iframe").contentDocument;
    const list = page.getElementById("issues-label-worth-checking"), said = [];
    const word = list.querySelector("input"), button = list.querySelector("button"), ids = list.querySelector("textarea");
    const note = () => said.push(button.textContent, list.querySelectorAll("tbody tr:not([hidden])").length);
    list.open = true; note();
    word.value = "PLA"; word.dispatchEvent(new Event("input")); note();
    word.value = "none such"; word.dispatchEvent(new Event("input")); note(); said.push(button.disabled);
    word.value = ""; word.dispatchEvent(new Event("input")); note();
    button.click(); await new Promise((after) => setTimeout(after, 500));
    said.push(ids.value, page.querySelectorAll("details.list input").length);
    document.body.append(`ACTED ${JSON.stringify(said)} END`); });</script>"""

    def test_lists_are_filtered_and_their_ids_copied(tmp_path):
        (tmp_path / "page.html").write_text(page("table"), encoding="utf-8")
        (tmp_path / "act.html").write_text(
            f'<!doctype html><iframe src="page.html" style="width:900px;height:700px"></iframe>{ACT}', encoding="utf-8"
        )
        dom = _run(
            tmp_path, "--allow-file-access-from-files", "--virtual-time-budget=4000", "--dump-dom", f"file://{tmp_path}/act.html"
        )  # fmt: skip
        said = json.loads(html.unescape(re.search(r"ACTED (.*?) END", dom.rpartition("</script>")[2], re.S)[1]))
        ids = "\n".join(["'=HYPERLINK(1)", "'-7", "plain", '"two\nlines ""x"""'])
        assert said == ["Copy 4 ids", 4, "Copy 1 id", 1, "Copy 0 ids", 0, True, "Copy 4 ids", 4, ids, 2]

    def test_hostile_words_run_nothing(tmp_path):
        path = tmp_path / "page.html"
        path.write_text(page("hostile"), encoding="utf-8")
        dom = _run(tmp_path, "--virtual-time-budget=2000", "--dump-dom", f"file://{path}")
        assert "<title>byheart: " in dom
        assert 'class="beside"' in dom
        assert not [one for one in Outline(dom).attributes if one[1].startswith("on")]


def test_complete_without_javascript():
    """All words and drawings are in the file as it is; the script adds only one hidden paragraph."""
    outline = Outline(page("fashion"))
    tags = [tag for tag, _ in outline.elements]
    assert tags.count("svg") >= 20
    assert tags.count("details") >= 8
    assert tags.count("img") == 26
    assert "beside" not in {value for _, name, value in outline.attributes if name == "class"}


def test_issues_are_complete_without_javascript():
    """Every row, its id as it is copied, and why a kind is not listed; of redrawn labels and of no kind that is empty."""
    text = page("fashion")
    section = text[text.index('<section class="issues"') :].partition("</section>")[0]
    outline = Outline(section)
    rows = [value for tag, name, value in outline.attributes if name == "data-id"]
    assert rows == ["'=HYPERLINK(1)", "'-7", "plain", '"two\nlines ""x"""', "3", "38", "73"]
    words = " ".join(" ".join(outline.words).split())
    for said in (
        "4 labels worth checking", "Models predict another label. Look at it.", "3 duplicates", "38, 73 and 1,200 more",
        "No exposed images.", "Test images that are in training: not listed. There are no new examples. Give a test set.",
        "Memorised images: not listed. BH109 withheld. The interval contains 1 %.", "=HYPERLINK(1)", "held-out bits",
    ):  # fmt: skip
        assert said in words, said
    assert "@row" not in words
    assert "input" not in {tag for tag, _ in outline.elements}


def test_of_a_long_list_the_page_shows_the_first():
    made = documents.table()
    names = [f"row-{i}" for i in range(1200)]
    long = {"ids": names, "positions": list(range(1200)), "labels": [""] * 1200, "planted": [False] * 1200,
            "others": [[]] * 1200, "n_others": [0] * 1200, "figures": {}}  # fmt: skip
    made["issues"] = [{**made["issues"][0], **long}]
    text = render(made)
    assert text.count("data-id=") == 1000
    assert "1,200 labels worth checking" in text
    assert "The first 1,000 of 1,200; a file holds them all." in text
