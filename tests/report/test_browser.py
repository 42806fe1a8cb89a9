"""The page as a browser shows it: at 1280x720, in the dark, at 360 px, and without JavaScript."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib

from pages import Outline, page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

if CHROMIUM:

    def _run(folder, *options):
        common = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                  "--disable-sync", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
        return subprocess.run([CHROMIUM, *common, *options], capture_output=True, text=True, timeout=60, check=True).stdout

    def _shot(folder, path, size, *options):
        _run(folder, *options, f"--window-size={size[0]},{size[1]}", f"--screenshot={folder}/shot.png", f"file://{path}")
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
        assert len(zlib.compress(light[2])) > 40_000 and len(zlib.compress(dark[2])) > 40_000
        assert light[2] != dark[2]

    MEASURE = """<!doctype html><iframe id=f src="page.html" style="width:{width}px;height:{height}px;border:0"></iframe><script>
    addEventListener("load", () => {{ const d = document.getElementById("f").contentDocument; const e = d.documentElement;
    const out = [...d.querySelectorAll("body *")].filter((n) => !n.closest(".scroll, .sr, .skip, pre, svg, iframe") && n.getBoundingClientRect().right > {width} + 1).map((n) => n.className || n.tagName);
    const first = d.querySelector(".most") || d.querySelector(".first");
    document.title = "done"; document.body.append(`MEASURED ${{e.scrollWidth}} ${{Math.round(first.getBoundingClientRect().bottom)}} ${{out.slice(0, 5).join(",") || "none"}} END`); }});
    </script>"""

    def _measured(folder, name, width, height):
        (folder / "page.html").write_text(page(name), encoding="utf-8")
        (folder / "frame.html").write_text(MEASURE.format(width=width, height=height), encoding="utf-8")
        dom = _run(folder, "--allow-file-access-from-files", "--virtual-time-budget=4000", "--dump-dom", f"file://{folder}/frame.html")
        found = re.search(r"MEASURED (\d+) (\d+) (.*?) END", dom.rpartition("</script>")[2])
        return int(found[1]), int(found[2]), found[3]

    def test_the_first_screen_fits(tmp_path):
        for name in ("fashion", "table", "regression"):
            _, bottom, _ = _measured(tmp_path, name, 1280, 720)
            assert bottom <= 720, (name, bottom)

    def test_no_sideways_scrolling_at_360(tmp_path):
        for name in ("fashion", "table", "nothing", "hostile"):
            wide, _, out = _measured(tmp_path, name, 360, 800)
            assert wide <= 360 and out == "none", (name, wide, out)

    def test_hostile_words_run_nothing(tmp_path):
        path = tmp_path / "page.html"
        path.write_text(page("hostile"), encoding="utf-8")
        dom = _run(tmp_path, "--virtual-time-budget=2000", "--dump-dom", f"file://{path}")
        assert "<title>byheart: " in dom and 'class="beside"' in dom  # our own script ran, under its hash
        assert not [one for one in Outline(dom).attributes if one[1].startswith("on")]


def test_complete_without_javascript():
    """All words and drawings are in the file as it is; the script adds only one hidden paragraph."""
    outline = Outline(page("fashion"))
    tags = [tag for tag, _ in outline.elements]
    assert tags.count("svg") >= 20 and tags.count("details") >= 8 and tags.count("img") == 26
    assert "beside" not in {value for _, name, value in outline.attributes if name == "class"}
