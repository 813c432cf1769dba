# SPDX-License-Identifier: BSD-3-Clause
"""The usage example at the top of nnsp.h, compiled as it stands, in C and in C++."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from nnsp.data import synthesis
from nnsp.integer.c_streams import CDetector, TableClassifier, TableEnhancer
from nnsp.places import ROOT
from nnsp.signal import audio

INCLUDE, TABLES = ROOT / "nnsp_lib/include", ROOT / "firmware/models"
ENHANCER, KEYWORDS = TABLES / "def_nn3_se.c", TABLES / "def_nn2_kws.c"
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic", "-fno-exceptions"]
LANGUAGES = {"c": ["-std=c99"], "c++": ["-std=c++11"]}

MAIN = """
#include <stdio.h>

int main(void)
{
    int16_t samples[NN3_SE_HOP];
    if (enhance_begin() != NULL || listen_begin() != NNSP_OK) {
        return 1;
    }
    while (fread(samples, sizeof samples, 1, stdin) == 1) {
        const char *word = listen_hop(samples);
        if (word != NULL) {
            fprintf(stderr, "%s\\n", word);
        }
        if (enhance_hop(samples) != NULL) {
            return 2;
        }
        fwrite(samples, sizeof samples, 1, stdout);
    }
    return 0;
}
"""


def example() -> str:
    """The lines of code in the comment that opens nnsp.h, after the line of its licence."""
    comment = (INCLUDE / "nnsp.h").read_text().split("*/")[1]
    lines = re.findall(r"^ \*( {5}.*|)$", comment, re.MULTILINE)
    return "\n".join(line.removeprefix("     ") for line in lines)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The library and two tables, compiled as C."""
    import library_sources

    folder = tmp_path_factory.mktemp("objects")
    built = []
    for number, source in enumerate([*library_sources.find(ROOT), ENHANCER, KEYWORDS]):
        built.append(folder / f"{number}.o")
        subprocess.run(["clang", "-O1", f"-I{INCLUDE}", "-c", source, "-o", built[-1]], check=True)
    return built


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_example_of_the_header(tmp_path: Path, objects: list[Path], language: str) -> None:
    assert shutil.which("clang"), "clang is not installed; ./nnsp test installs it"
    source, program = tmp_path / "example.c", tmp_path / "example"
    source.write_text(example() + MAIN)
    flags = [*STRICT, *LANGUAGES[language], f"-I{INCLUDE}", f"-I{TABLES}"]
    subprocess.run(["clang", *flags, "-x", language, "-c", source, "-o", tmp_path / "example.o"], check=True)
    subprocess.run(["clang", tmp_path / "example.o", *objects, "-o", program], check=True)
    spoken = audio.to_int16(synthesis.speak("one, two, three, four", ("en-us", 150, 50)))
    samples = spoken[: len(spoken) // 160 * 160]
    done = subprocess.run([program], input=samples.tobytes(), capture_output=True, check=True)
    enhanced = np.frombuffer(done.stdout, dtype=np.int16)
    np.testing.assert_array_equal(enhanced, TableEnhancer(ENHANCER).process(samples))
    keywords = TableClassifier(KEYWORDS)
    assert keywords.detector is not None
    decisions = CDetector(keywords.detector, len(keywords.labels)).process(keywords.process(samples))
    words = [keywords.labels[decision] for decision in decisions if decision]
    assert words and done.stderr.decode().splitlines() == words
