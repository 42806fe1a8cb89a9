"""`byheart view` and `byheart export`: the page in a browser, on this machine alone, and the audit in one file."""

import _socket
import csv
import io
import json
import shutil
import threading
import webbrowser
import zipfile

import pytest
from sklearn.tree import DecisionTreeClassifier

import byheart as bh
from byheart.cli.page_server import PageServer
from byheart.tasks.table import Table


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with two runs, the report of the newer one, and both audits."""
    folder = tmp_path_factory.mktemp("finished")
    rows = [f"zanzibar{i},{i % 5},{'yes' if i % 3 else 'no'}" for i in range(70)]
    (folder / "t.csv").write_text("who,number,label\n" + "\n".join(rows), encoding="utf-8")
    task = Table.of(folder / "t.csv", target="label", categorical=("who",))
    model = DecisionTreeClassifier(max_depth=3)
    audits = [bh.audit(task, model=model, members=8, device="cpu", out=folder / "out", seed=seed) for seed in (0, 1)]
    for name in ("report.html", "report.json"):
        audits[1].save(folder / "out" / name)
    return folder / "out", audits


@pytest.fixture
def out(finished, tmp_path):
    """The folder, as `out` beside us."""
    shutil.copytree(finished[0], tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def opened(monkeypatch):
    """What a browser was asked to open."""
    found = []
    monkeypatch.setattr(webbrowser, "open", lambda address: found.append(address) or True)
    return found


def test_view_opens_the_page_and_writes_nothing(out, byheart, opened, listing):
    before = listing(out)
    said = byheart("view", "out")
    assert (said.code, said.out) == (0, "out/report.html\n")
    assert opened == [(out / "report.html").as_uri()]
    pages = {name: content for name, content in listing(out).items() if name.endswith(".html")}
    assert pages == {"report.html": before["report.html"]}


def test_view_of_another_run_writes_its_page_beside_the_report(out, finished, byheart, opened):
    run = finished[1][0].to_dict()["subject"]["run"]
    newest = (out / "report.html").read_bytes()
    assert byheart("view", run[:6], "--out", "out").out == f"out/report-{run}.html\n"
    assert opened == [(out / f"report-{run}.html").as_uri()]
    assert f'"run":"{run}"' in (out / f"report-{run}.html").read_text(encoding="utf-8")
    assert (out / "report.html").read_bytes() == newest


def test_examples_that_the_report_hides_stay_hidden(out, finished, byheart, opened):
    assert byheart("export", "out", "--to", "shown.zip").code == 0
    assert "zanzibar1" in str(unpacked(out.parent / "shown.zip"))
    assert byheart("export", "out", "--to", "hidden.zip", "--hide-examples").code == 0
    assert "zanzibar" not in str(unpacked(out.parent / "hidden.zip"))
    finished[1][1].save(out / "report.json", hide_examples=True)
    (out / "report.html").unlink()
    assert byheart("view", "out").code == byheart("export", "out").code == 0
    for path in (*out.glob("report-*.html"), *out.glob("byheart-*.zip")):
        text = str(unpacked(path)) if path.suffix == ".zip" else path.read_text(encoding="utf-8")
        assert "zanzibar" not in text
    assert len(opened) == 1


def test_without_a_browser_it_says_where_the_page_is(out, byheart, monkeypatch):
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    said = byheart("view", "out")
    assert said.code == 0
    assert "No browser was found" in said.out.splitlines()[1]


def unpacked(path):
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name).decode("utf-8-sig") for name in packed.namelist()}


def test_export_holds_page_document_issues_and_provenance_in_equal_bytes(out, finished, byheart, tmp_path):
    document = finished[1][1].to_dict()
    name = f"byheart-{document['subject']['run']}"
    said = byheart("export", "out")
    assert (said.code, said.out) == (0, f"out/{name}.zip\n")
    found = unpacked(out / f"{name}.zip")
    assert list(found) == [f"{name}/{file}" for file in ("report.html", "report.json", "issues.csv", "provenance.json")]
    page, data, issues, provenance = found.values()
    assert page == (out / "report.html").read_text(encoding="utf-8")
    assert data == (out / "report.json").read_text(encoding="utf-8")
    assert json.loads(provenance) == document["provenance"]
    assert issues == finished[1][1].issues().columns().written(".csv").decode("utf-8-sig")
    assert next(csv.reader(io.StringIO(issues)))[0] == "kind"
    byheart("export", "out", "--to", "deep/again.zip")
    assert (tmp_path / "deep" / "again.zip").read_bytes() == (out / f"{name}.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "deep" / "again.zip") as packed:
        assert {one.date_time for one in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.usefixtures("out")
def test_a_place_that_cannot_be_written_is_said(byheart, short, tmp_path):
    (tmp_path / "file").write_text("mine")
    short(byheart("export", "out", "--to", "file/a.zip"), 3, "a.zip")
    short(byheart("export", "out", "--to", "a.tar"), 2, "ends in .zip", "a.tar")
    short(byheart("export", "zz", "--out", "out"), 2, "'zz'")
    short(byheart("view", "nowhere"), 2, "finished audit")


@pytest.fixture
def server():
    with PageServer(b"<!doctype html>mine") as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def answer(server, path, host=None, method="GET"):
    """Status and body of a request to this machine; the tests' ban on connections is for `socket.socket`."""
    link = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    link.connect(server.server_address)
    link.sendall(f"{method} {path} HTTP/1.0\r\nHost: {host or f'127.0.0.1:{server.server_port}'}\r\n\r\n".encode())
    said = b""
    while part := link.recv(65536):
        said += part
    link.close()
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head.split()[1]), body, head.decode()


def test_the_server_answers_its_address_on_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"
    path = server.address.removeprefix(f"http://127.0.0.1:{server.server_port}")
    assert len(path) > 30
    status, body, head = answer(server, path)
    assert (status, body) == (200, b"<!doctype html>mine")
    for line in ("Content-Type: text/html; charset=utf-8", "Cache-Control: no-store", "Referrer-Policy: no-referrer"):
        assert line in head.splitlines()
    assert "Python" not in head
    assert answer(server, path, f"localhost:{server.server_port}")[0] == 200


def test_another_address_another_host_or_another_method_gets_nothing(server):
    path = server.address.removeprefix(f"http://127.0.0.1:{server.server_port}")
    for other in ("/", path[:-1], path + "..", f"{path}report.html", "/%2e%2e/", f"/{'a' * 32}/", "/é/"):
        assert answer(server, other)[:2] == (404, b"Not found.")
    for host in ("evil.example", f"evil.example:{server.server_port}", "127.0.0.1", "127.0.0.1:1"):
        assert answer(server, path, host)[0] == 404
    assert answer(server, path, method="POST")[0] == 501
    assert answer(server, path)[0] == 200


def test_two_servers_have_two_addresses():
    with PageServer(b"") as one, PageServer(b"") as other:
        assert one.token != other.token


@pytest.mark.usefixtures("out")
def test_serve_prints_the_address_opens_nothing_and_ends_by_an_interrupt(byheart, opened, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve_forever", interrupted)
    said = byheart("view", "out", "--serve")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("http://127.0.0.1:")
    assert opened == []  # the address is on no command line, where others could read it
