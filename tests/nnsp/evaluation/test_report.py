# SPDX-License-Identifier: BSD-3-Clause
"""The page to look at and listen to, in a real browser where there is one."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from nnsp.evaluation import enhancement, report
from nnsp.evaluation.pairs import Pair
from nnsp.evaluation.systems import System
from nnsp.signal import audio
from sounds import syllables

SYSTEMS = ("noisy", "c:nn_arch/a.txt", "half & <b>")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two clips: 'deep/loud', that gains less, and 'plain #1'."""
    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    made = []
    for name, gain in (("plain #1", 0.02), ("deep/loud", 0.002)):
        clean = syllables(rng, 3.0)
        noisy = clean + np.float32(gain) * rng.standard_normal(clean.size).astype(np.float32)
        made.append(Pair("all", name, name, audio.to_int16(noisy), audio.to_int16(clean)))

    def halfway(pair: Pair) -> np.ndarray:
        return ((pair.noisy.astype(np.int32) + pair.clean) // 2).astype(np.int16)

    def better(pair: Pair) -> np.ndarray:
        loud = pair.name == "deep/loud"
        return pair.noisy if loud else pair.clean // 2 + pair.noisy // 2

    systems = [
        System("noisy", lambda pair: pair.noisy),
        System(SYSTEMS[1], better),
        System(SYSTEMS[2], halfway),
    ]
    folders = report.sound_folders(folder, SYSTEMS)
    results = enhancement.evaluate(made, systems, sounds=folders, processes=1)
    return report.write(folder, "A & B", results, enhancement.summary(results, "noisy"), folders, "noisy")


class Links(HTMLParser):
    """What a page wants from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href", "data-sound") and value]


@pytest.mark.slow
def test_everything_that_the_page_names_lies_beside_it(page: Path) -> None:
    from urllib.parse import unquote

    links = Links()
    links.feed(page.read_text())
    files = {page.parent / unquote(link) for link in links.found}
    assert len(files) == 2 * 4 * 2  # clips, systems with the clean speech, wav and picture
    assert files == {p for p in (page.parent / "sound").rglob("*") if p.is_file()}
    for path in files:
        if path.suffix == ".wav":
            assert soundfile.info(path).frames == 48000
        else:
            with Image.open(path) as image:
                assert image.height == 257 and 300 < image.width <= 601


@pytest.mark.slow
def test_names_are_words_and_no_markup(page: Path) -> None:
    text = page.read_text()
    assert "half &amp; &lt;b&gt;" in text and "<b>" not in text and "A &amp; B" in text
    folders = report.sound_folders(Path("r"), ["a b", "a_b", "a/b"])
    assert len(set(folders.values())) == 4


@contextmanager
def browser(page: Path, profile: Path) -> Iterator[Any]:
    """Open a page in Chromium; gives a function that runs JavaScript in it and waits for the result."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None or sys.platform == "win32":
        pytest.skip("no chromium here; on Debian: apt install chromium")
    to_browser, from_browser = os.pipe(), os.pipe()
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--remote-debugging-pipe",
        f"--user-data-dir={profile}",
    ]
    script = f'exec "$@" 3<&{to_browser[0]} 4>&{from_browser[1]}'
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", program, *options],
        pass_fds=(to_browser[0], from_browser[1]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser[0])
    os.close(from_browser[1])
    with os.fdopen(to_browser[1], "wb") as out, os.fdopen(from_browser[0], "rb") as answers:

        def ask(method: str, session: str | None = None, **params: Any) -> Any:
            message = {"id": 1, "method": method, "params": params} | (
                {"sessionId": session} if session else {}
            )
            out.write(json.dumps(message).encode() + b"\0")
            out.flush()
            while True:
                text = bytearray()
                while (byte := answers.read(1)) != b"\0":
                    assert byte, "the browser ended"
                    text += byte
                answer = json.loads(text)
                if answer.get("id") == 1:
                    return answer["result"]

        target = ask("Target.createTarget", url=page.as_uri())["targetId"]
        session = ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

        def run(script: str) -> Any:
            wrapped = f"(async () => {{ {script} }})()"
            answer = ask(
                "Runtime.evaluate",
                session,
                expression=wrapped,
                awaitPromise=True,
                returnByValue=True,
                userGesture=True,
            )
            assert "exceptionDetails" not in answer, answer
            return answer["result"].get("value")

        try:
            deadline = time.monotonic() + 60
            while run("return location.href + document.readyState") != page.as_uri() + "complete":
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield run
        finally:
            process.kill()
            process.wait()


def test_a_browser_shows_and_plays_it(page: Path, tmp_path: Path) -> None:
    with browser(page, tmp_path) as run:
        durations = run("""
            return Promise.all([...document.querySelectorAll("figure")].map(figure => new Promise(done => {
                const sound = new Audio(figure.dataset.sound);
                sound.onloadedmetadata = () => done(sound.duration);
                sound.onerror = () => done(-1);
            })));""")
        assert durations == [3.0] * 8
        widths = run("""
            return Promise.all([...document.images].map(async image => {
                image.loading = "eager";
                await image.decode();
                return image.naturalWidth;
            }));""")
        assert len(widths) == 8 and min(widths) > 300
        order = "return [...document.querySelectorAll('h2 + div')].map(d => d.parentNode.querySelector('h2').innerText)"
        assert run(order) == ["deep/loud all", "plain #1 all"]  # the smallest gain first
        assert run(f"sign.value = -1; sign.onchange(); {order}") == ["plain #1 all", "deep/loud all"]
        run("""
            document.querySelector("section button").click();
            while (player.paused || player.currentTime < 0.4) await new Promise(go => setTimeout(go, 20));""")
        first = run("return [player.src, player.currentTime]")
        # Another system of the same clip goes on where the first was.
        second = run("""
            document.onkeydown({ key: "3" });
            await new Promise(go => player.onplaying = go);
            return [player.src, player.currentTime, document.querySelectorAll(".on").length];""")
        assert first[0].endswith("sound/noisy/plain%20%231.wav")
        assert second[0].endswith("sound/c_nn_arch_a.txt/plain%20%231.wav")
        assert first[1] <= second[1] < 3 and second[2] == 1
        # Another clip begins at its beginning.
        third = run("""
            document.querySelectorAll("section")[1].querySelector("button").click();
            await new Promise(go => player.onplaying = go);
            return [player.src, player.currentTime];""")
        assert third[0].endswith("sound/noisy/deep/loud.wav") and third[1] < first[1]
