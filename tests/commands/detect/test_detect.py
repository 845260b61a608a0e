"""`facegate detect`: sources, forms, exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.commands.conftest import Ran, Run
from tests.forks import SCRIPT
from tests.images import MODERN, encode, genuine, nasty, portrait
from tests.live import environment
from tests.servers import free_port
from tests.store.records import eventually

Models = dict[str, Path]
BLANK = encode(portrait().resize((64, 64)).point(lambda _: 127))


class Site(BaseHTTPRequestHandler):
    """/selfie.jpg, /loop, /endless and 404."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
            return
        self.send_response(200 if path in {"/selfie.jpg", "/endless"} else 404)
        self.end_headers()
        if path == "/selfie.jpg":
            self.wfile.write(genuine())
        if path == "/endless":
            self._write_for_ever()

    def _write_for_ever(self) -> None:
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def detect(facegate: Run, models: Models) -> Run:
    """`detect(..., verdict="deepfake")`."""

    def run(*arguments: object, verdict: str = "bona_fide", **more: object) -> Ran:
        return facegate("detect", *arguments, models_dir=models[verdict], **more)

    return run


def outcomes(ran: Ran) -> list[dict[str, object]]:
    return [json.loads(line) for line in ran.stdout.splitlines()]


def one(ran: Ran) -> dict[str, object]:
    (outcome,) = outcomes(ran)
    return outcome


@pytest.mark.parametrize(("verdict", "code"), [("bona_fide", 0), ("deepfake", 1)])
def test_the_exit_code_tells_the_verdict(
    detect: Run, selfie: Path, verdict: str, code: int
) -> None:
    ran = detect(selfie, "--format", "jsonl", verdict=verdict)
    assert ran.returncode == code
    assert one(ran)["decision"] == verdict


def test_every_format_is_judged(detect: Run, tmp_path: Path) -> None:
    names = [f"{form.partition('.')[0]}.{form.partition('.')[0]}" for form in MODERN]
    for name, form in zip(names, MODERN, strict=True):
        (tmp_path / name).write_bytes(nasty(form))
    found = outcomes(detect(*names, "--format", "jsonl", verdict="deepfake"))
    assert [outcome["decision"] for outcome in found] == ["deepfake"] * len(MODERN)


def test_it_needs_no_licence_and_writes_nothing(detect: Run, selfie: Path, tmp_path: Path) -> None:
    detect(selfie)
    assert [path.name for path in tmp_path.iterdir()] == ["selfie.jpg"]


def test_each_file_has_its_own_outcome(detect: Run, selfie: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(genuine()[:500])
    (tmp_path / "blank.png").write_bytes(BLANK)
    files = ("broken.jpg", selfie, "blank.png", "nowhere.jpg")
    ran = detect(*files, "--format", "jsonl", verdict="deepfake")
    found = outcomes(ran)
    assert [outcome["code"] for outcome in found] == [
        "INVALID_IMAGE",
        None,
        "FACE_NOT_FOUND",
        "UNREADABLE",
    ]
    assert found[3]["error"] == "This file cannot be read: No such file or directory."
    assert found[1]["decision"] == "deepfake"
    assert ran.returncode == 2  # a deepfake was found as well, but the run is incomplete


def test_a_folder_stands_for_its_images_in_order(detect: Run, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    for name in ("b.jpg", "a.JPEG", "notes.txt", "deep/c.png"):
        (folder / name).write_bytes(genuine())
    flat = outcomes(detect(folder, "--format", "jsonl"))
    assert [Path(str(outcome["source"])).name for outcome in flat] == ["a.JPEG", "b.jpg"]
    deep = outcomes(detect(folder, "--recursive", "--format", "jsonl"))
    assert len(deep) == 3


def test_an_empty_folder_is_wrong_usage(detect: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = detect("empty")
    assert ran.returncode == 3
    assert "No image file was found there." in ran.stderr


def test_standard_input(detect: Run) -> None:
    ran = detect("-", "--format", "jsonl", stdin=genuine())
    assert (ran.returncode, one(ran)["source"]) == (0, "-")


def test_a_pipe_is_not_waited_for(detect: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ran = detect("pipe", "--format", "jsonl")
    assert (ran.returncode, one(ran)["code"]) == (2, "UNREADABLE")


def test_a_file_above_the_limit_is_not_read(detect: Run, selfie: Path) -> None:
    ran = detect(selfie, "--format", "jsonl", max_body_bytes=1024)
    assert one(ran)["code"] == "BODY_TOO_LARGE"


def test_an_address(detect: Run, site: str) -> None:
    ran = detect(f"{site}/selfie.jpg", "--format", "jsonl")
    assert (ran.returncode, one(ran)["source"]) == (0, f"{site}/selfie.jpg")


@pytest.mark.parametrize(
    ("path", "code", "sentence"),
    [
        ("/nowhere", "UNREADABLE", "The server answered 404."),
        ("/loop", "UNREADABLE", "This address cannot be fetched: TooManyRedirects."),
        (
            "/endless",
            "BODY_TOO_LARGE",
            "This is larger than FACEGATE_MAX_BODY_BYTES allows.",
        ),
    ],
)
def test_an_address_that_gives_no_image(
    detect: Run, site: str, path: str, code: str, sentence: str
) -> None:
    ran = detect(site + path, "--format", "jsonl")
    assert ran.returncode == 2
    assert (one(ran)["code"], one(ran)["error"]) == (code, sentence)


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/", "http://", "http://[::"])
def test_an_address_without_a_server(detect: Run, address: str) -> None:
    ran = detect(address.replace("{port}", str(free_port())), "--format", "jsonl")
    assert (ran.returncode, one(ran)["code"]) == (2, "UNREADABLE")


def test_output_tells_no_secret_of_an_address(detect: Run, site: str) -> None:
    address = site.replace("//", "//user:hush@") + "/selfie.jpg?token=hush"
    ran = detect(address, address + "/nowhere", "--format", "jsonl")
    assert "hush" not in ran.stdout + ran.stderr


def test_a_table(detect: Run, selfie: Path) -> None:
    ran = detect(selfie, "nowhere.jpg")
    head, first, second = ran.stdout.splitlines()
    assert head.split() == ["source", "decision", "score", "reasons", "code", "error"]
    assert first.split()[:2] == [str(selfie), "bona_fide"]
    assert second.split()[:2] == ["nowhere.jpg", "UNREADABLE"]


def test_json_is_an_array_with_the_whole_analysis(detect: Run, selfie: Path) -> None:
    (outcome,) = json.loads(detect(selfie, "--format", "json").stdout)
    assert outcome["analysis"]["faces"][0]["quality"]["face_width"] > 48
    assert outcome["score"] == pytest.approx(outcome["analysis"]["score"], abs=1e-6)
    assert outcome["error"] is None


def test_csv_has_a_column_for_everything_flat(detect: Run, selfie: Path, tmp_path: Path) -> None:
    odd = tmp_path / 'a "quoted", name.jpg'
    selfie.rename(odd)
    rows = list(csv.DictReader(io.StringIO(detect(odd, "nowhere", "--format", "csv").stdout)))
    assert rows[0]["source"] == str(odd)
    assert rows[0]["decision"] == "bona_fide"
    assert (rows[1]["decision"], rows[1]["code"]) == ("", "UNREADABLE")


def test_no_file_name_is_a_formula_for_a_spreadsheet(detect: Run, tmp_path: Path) -> None:
    names = ["=cmd|' C calc'!A0.jpg", "@SUM(1+1).jpg", "+1.jpg", "plain.jpg"]
    rows = list(csv.DictReader(io.StringIO(detect(*names, "--format", "csv").stdout)))
    assert [row["source"] for row in rows] == [*(f"'{name}" for name in names[:3]), names[3]]


@pytest.mark.parametrize(
    ("name", "starts"),
    [("out.json", "[\n{"), ("out.jsonl", '{"source"'), ("out.csv", "source,"), ("out", "source ")],
)
def test_the_form_follows_the_output_file(
    detect: Run, selfie: Path, tmp_path: Path, name: str, starts: str
) -> None:
    ran = detect(selfie, "--output", name)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert (tmp_path / name).read_text().startswith(starts)


def test_an_output_file_that_cannot_be_written(detect: Run, selfie: Path) -> None:
    ran = detect(selfie, "--output", "no/such/folder.csv")
    assert ran.returncode == 3
    assert "cannot be written" in ran.stderr


def test_a_heat_map_goes_into_json(detect: Run, selfie: Path) -> None:
    analysis = one(detect(selfie, "--explain", "--format", "jsonl"))["analysis"]
    assert isinstance(analysis, dict)
    assert analysis["heat_map"].startswith("data:image/png;base64,")


def test_a_heat_map_does_not_fit_a_table(detect: Run, selfie: Path) -> None:
    ran = detect(selfie, "--explain")
    assert ran.returncode == 3
    assert "--format json" in ran.stderr


def test_a_name_cannot_steer_the_terminal(detect: Run, selfie: Path) -> None:
    odd = selfie.with_name("\x1b[31mred\x07\udcff.jpg")
    selfie.rename(odd)
    table = detect(os.fsdecode(os.fsencode(odd.name)))
    assert table.returncode == 0
    assert "\x1b" not in table.stdout
    assert "\x07" not in table.stdout
    assert "[31mred" in table.stdout  # and no markup is read into it


def test_a_damaged_model_is_one_sentence(facegate: Run, selfie: Path, tmp_path: Path) -> None:
    ran = facegate("detect", selfie, models_dir=tmp_path / "nothing")
    assert ran.returncode == 3
    assert len(ran.stderr.splitlines()) == 2


def test_many_files_keep_their_order_and_no_bar_spoils_the_output(
    detect: Run, tmp_path: Path
) -> None:
    names = [f"{number:02}.jpg" for number in range(12)]
    for name in names:
        (tmp_path / name).write_bytes(genuine())
    ran = detect(*names, "--format", "jsonl")
    assert [outcome["source"] for outcome in outcomes(ran)] == names
    assert ran.stderr == ""


def test_a_bar_on_a_terminal(models: Models, selfie: Path) -> None:
    """Standard error is a real terminal here, standard output is not."""
    controller, terminal = pty.openpty()
    options = environment({"models_dir": models["bona_fide"]}) | {"TERM": "xterm"}
    command = [SCRIPT, "detect", selfie, selfie, selfie, "--format", "jsonl"]
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=terminal, env=options, timeout=60, check=False
    )
    os.close(terminal)
    assert b"Judging" in os.read(controller, 65536)
    assert len(ran.stdout.splitlines()) == 3


def test_an_interrupted_run_leaves_what_it_found(
    models: Models, selfie: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.json"
    command = [SCRIPT, "detect", *[selfie] * 20_000, "--output", output]
    # Tests that run in the background of a shell ignore the signal, and so would the command.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, env=environment({"models_dir": models["bona_fide"]})) as process:
        signal.signal(signal.SIGINT, before)
        try:
            eventually(lambda: output.exists() and output.stat().st_size > 0, seconds=60)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 130
        finally:
            process.kill()
    assert 0 < len(json.loads(output.read_text())) < 20_000


def test_what_macos_writes_and_folders_named_like_images_are_passed_over(
    facegate: Run, models: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    (folder / "album.jpg").mkdir(parents=True)
    (folder / "album.jpg" / "inner.JPG").write_bytes(genuine())
    (folder / "one.jpg").write_bytes(genuine())
    for name in ("._one.jpg", "._two.PNG", "album.jpg/._inner.JPG"):
        (folder / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    for more, count in ((), 1), (("--recursive",), 2):
        ran = facegate("detect", folder, "--format", "jsonl", *more, models_dir=models["bona_fide"])
        assert ran.returncode == 0
        assert len(ran.stdout.splitlines()) == count
