"""`run.py --web`: a real program, a browser that records the address, and what is refused."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from support.paths import ROOT
from support.processes import children, wait_until

from digitseq.errors import SettingsError
from digitseq.settings import DEFAULTS
from digitseq.shell.parser import parse
from digitseq.shell.web_command import ON_PAGE

USUAL = 8000
# In a process of its own, as webbrowser starts it: what the service answers at the address when the browser comes.
RECORDER = """\
import contextlib, sys, urllib.request
with contextlib.suppress(OSError):  # the service may have ended meanwhile
    with open(sys.argv[1], "a") as log, urllib.request.urlopen(sys.argv[2].partition("#")[0]) as page:
        log.write(f"{page.status} {sys.argv[2]}\\n")
"""


def fragment(*words: str, config: Path = Path("config.py")) -> list[tuple[str, str]]:
    return parse_qsl(parse([*map(str, words), "--web"], config).fragment, strict_parsing=True)


def test_settings_reach_the_page_as_the_service_takes_them():
    assert parse(["--web"], Path()).fragment == ""
    assert fragment("-num", "907", "--augment", "light", "-iw", 0, "--seed", 3) == [
        ("number", "907"), ("image_width", "0"), ("augment", "light"), ("seed", "3"),
    ]  # fmt: skip
    operations = ["blur:sigma=0.3..0.6,p=0.3", "light"]
    words = [word for text in operations for word in ("--augment", text)]
    assert fragment("--random_digits", 3, 8, "-da", "-e", 2, 1, *words) == [
        ("random_digits", "3,8"), ("data_augmentation", "true"), ("erode_kernel", "2,1"),
        *(("augment", text) for text in operations),
    ]  # fmt: skip
    assert fragment("--pattern", "(19|20)[0-9]{2}&+ #é") == [("pattern", "(19|20)[0-9]{2}&+ #é")]
    assert fragment("--numbers", "1,5", "007") == [("numbers", "1,5"), ("numbers", "007")]
    assert fragment("--phone", "--seed", 2**64 - 1) == [("phone", "JP"), ("seed", str(2**64 - 1))]


def test_what_is_the_default_is_left_out():
    assert fragment_text("-iw", "200", "--signs", "draw") == ""


def fragment_text(*words: str) -> str:
    return parse([*words, "--web"], Path()).fragment


def test_settings_of_the_config_file_reach_the_page(tmp_path):
    config = tmp_path / "config.py"
    config.write_text("random_digits = (2, 5)\nimage_width = 0\nseed = 4\noutput_path = 'x'\naugment = ['light']\n")
    expected = [("random_digits", "2,5"), ("image_width", "0"), ("augment", "light"), ("seed", "4")]
    assert fragment("-r", config=config) == expected
    assert fragment("-r", "--number", 7, "--seed", 5, config=config)[0] == ("number", "7")
    config.write_text("min_spacing = 3\nmax_spacing = None\n")
    assert fragment("-r", config=config) == [("min_spacing", "3")]
    config.write_text("numbers_file = 'x.txt'\n")
    with pytest.raises(SettingsError, match=r"^config.py line 1: web opens .* leave out numbers_file$"):
        parse(["-r", "--web"], config)


def test_the_service_takes_every_setting_that_is_sent():
    requests = pytest.importorskip("digitseq.service.requests")
    assert set(ON_PAGE) == set(requests.SETTINGS)
    words = ["--random_digits", "3", "8", "-da", "-e", "2", "1", "--augment", "light", "--augment", "blur", "-a", "2"]
    asked = requests.from_query(fragment(*words, "--masks", "--seed", "7"), requests.ABOUT_SAMPLES)
    assert asked.values["random_digits"] == [3, 8] and asked.values["masks"] is True
    assert asked.values["augment"] == ["light", "blur"] and asked.others == {"seed": 7}
    assert all(DEFAULTS[name] != value for name, value in asked.values.items())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-m", "4"], "--web opens the page, which takes settings of images, --seed and --cache: leave out --multi_core"),
        (["-s", "4"], "leave out --size"),
        (["-o", "x"], "leave out --output_path"),
        (["--resume"], "leave out --resume"),
        (["--quiet"], "leave out --quiet"),
        (["--inspect", "x"], "leave out --inspect"),
        (["--list_datasets"], "leave out --list_datasets"),
        (["--download", "kmnist"], "leave out --download"),
        (["--write_config", "x.py"], "leave out --write_config"),
        (["--numbers_file", "x"], "leave out --numbers_file"),
        (["--transpose"], "leave out --transpose"),
        (["--dataset", "./glyphs"], "--web takes data sets by their names: known are mnist,"),
        (["--dataset", "kmnsit"], "did you mean kmnist?"),
        (["-iw", "-1"], "from 0 to 65,535 pixels, got -1"),
        (["--seed", "-1"], "seed must be a whole number"),
        (["-num", "1", "--phone", "JP"], "exactly one source must be given"),
        (["--phone_type", "mobile"], "--phone_type works with --phone only"),
    ],
    ids=lambda given: given[0] if isinstance(given, list) else None,
)  # fmt: skip
def test_what_makes_no_sense_is_one_line(refused, words, said):
    line = refused("--web", *words)
    assert line.startswith("digitseq: error: ") and said in line


def test_without_the_packages_the_line_says_how_to_get_them(tmp_path, cache):
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError('no', name='fastapi')")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, ROOT / "run.py", "--web"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        'digitseq: error: the service needs the package fastapi: in the checkout, pip install -e ".[service]"\n'
    )


def test_other_commands_do_not_load_the_service(tmp_path, cache):
    code = (
        "import sys; sys.argv[1:] = ['-num', '1', '--quiet', '-o', sys.argv[1]]; import digitseq.__main__ as m; "
        "code = m.main(); sys.exit(code or any(n.startswith(('digitseq.service', 'webbrowser')) for n in sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=True, timeout=60)


def test_the_shell_alone_has_no_page(refused):
    assert refused("--web") == "digitseq: error: --web works in the program only: leave it out"


class Opened:
    """A program that was started with --web."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process, self._log = process, log
        self.lines = [self.line()]
        while not self.lines[-1].startswith("open this address"):
            self.lines.append(self.line())
        self.url = self.lines[-2]

    def line(self) -> str:
        found = self.process.stdout.readline()
        assert found, self.process.stderr.read()
        return found.rstrip("\n")

    def browsed(self) -> list[str]:
        """Status and address that each browser has seen."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    def end(self, number: int) -> tuple[int, str, str]:
        """Exit code, and what else it has printed, after this signal."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def open_page(tmp_path, cache):
    """open_page(*words): `run.py --web *words` with a browser that records what it opens."""
    pytest.importorskip("fastapi")
    (tmp_path / "recorder.py").write_text(RECORDER)
    with contextlib.ExitStack() as stack:

        def call(*words: object, start: tuple[object, ...] = (ROOT / "run.py",), **environment: str) -> Opened:
            log = tmp_path / "browsed"
            browser = f"{sys.executable} {tmp_path / 'recorder.py'} {log} %s"
            process = subprocess.Popen(
                [sys.executable, *map(str, (*start, "--web", *words))], cwd=tmp_path, text=True,
                env=os.environ | {"PYTHONPATH": str(ROOT), "BROWSER": browser} | environment,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return Opened(process, log)

        yield call


def take_usual_port() -> contextlib.AbstractContextManager[object]:
    """Listen on the usual port, or leave that to somebody who does all the time: another test does for a while only."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            return socket.create_server(("127.0.0.1", USUAL))
        time.sleep(0.1)
    return contextlib.nullcontext()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_browser_opens_the_settings_and_a_signal_ends_it_well(open_page, number):
    opened = open_page("-num", 907, "--augment", "light", "-iw", 0, "--seed", 5)
    wait_until(opened.browsed)
    assert opened.browsed() == [f"200 {opened.url}"]
    parts = urlsplit(opened.url)
    assert parts.hostname == "127.0.0.1"
    assert parts.fragment == "number=907&image_width=0&augment=light&seed=5"
    assert opened.end(number) == (0, "", "")


@pytest.mark.parametrize("start", [("-m", "digitseq"), ("-c", "import sys; from digitseq.__main__ import run; run()")])
def test_the_command_does_the_same(open_page, start):
    opened = open_page(start=start)
    wait_until(opened.browsed)
    assert opened.browsed() == [f"200 {opened.url}"]
    assert opened.url.endswith("/")
    assert opened.end(signal.SIGINT)[1:] == ("", "")


def test_it_says_that_it_waits_for_what_is_being_sent_and_a_second_ctrl_c_ends_that(open_page):
    import httpx

    opened = open_page()
    body = {"number": "123456", "size": 100_000, "augment": ["heavy"], "format": "webdataset"}
    with httpx.stream("POST", f"{opened.url}v1/datasets", json=body, timeout=60) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        opened.process.send_signal(signal.SIGINT)
        assert opened.line() == "what is being sent has 5 seconds to end; Ctrl-C again ends it now"
        opened.process.send_signal(signal.SIGINT)
        with pytest.raises(httpx.TransportError):
            list(pieces)
    out, err = opened.process.communicate(timeout=60)
    assert (opened.process.returncode, out) == (0, "")
    assert "Traceback" not in err


def test_two_at_once_have_two_ports(open_page):
    with take_usual_port():
        both = [open_page() for _ in range(2)]
    ports = {urlsplit(opened.url).port for opened in both}
    assert len(ports) == 2 and USUAL not in ports
    for opened in both:
        assert opened.lines[0] == f"port {USUAL} is in use: the page is at another"
        assert opened.end(signal.SIGTERM) == (0, "", "")


def test_a_browser_that_fails_and_a_key_of_the_service_change_nothing(open_page):
    import httpx

    opened = open_page(BROWSER="/nowhere/browser", DIGITSEQ_API_KEY="secret", TERM="dumb")
    assert httpx.get(f"{opened.url}v1/sequences/907.png", timeout=60).status_code == 200
    assert opened.end(signal.SIGINT) == (0, "", "")


def test_it_ends_well_before_the_service_has_started(open_page):
    """The address is printed first."""
    opened = open_page()
    assert opened.end(signal.SIGINT) == (0, "", "")


def test_only_this_machine_reaches_it(open_page):
    opened = open_page()
    port = f"{urlsplit(opened.url).port:04X}"
    lines = [line for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    listening = [line.split()[1:4] for line in lines]
    found = [address for address, _, state in listening if state == "0A" and address.endswith(f":{port}")]
    assert found == [f"0100007F:{port}"]


def test_the_cache_is_the_one_that_is_given(open_page, tmp_path):
    import httpx

    opened = open_page("-c", tmp_path / "mine")
    assert httpx.get(f"{opened.url}v1/sequences/907.png", timeout=60).status_code == 200
    assert list((tmp_path / "mine").glob("*.bank"))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for a process in /proc")
def test_it_ends_while_a_process_for_images_does_not_start(open_page):
    opened = open_page()

    def fork_servers() -> list[int]:
        return [
            pid for pid in children(opened.process.pid) if b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    wait_until(fork_servers)
    (server,) = fork_servers()
    os.kill(server, signal.SIGSTOP)
    try:
        opened.process.send_signal(signal.SIGINT)
        assert opened.process.wait(60) == 0
    finally:
        os.kill(server, signal.SIGKILL)
    assert opened.end(signal.SIGINT) == (0, "", "")
