# SPDX-License-Identifier: BSD-3-Clause
"""Write an image with SEGGER's J-Link Commander: python flash_jlink.py IMAGE.bin DEVICE ADDRESS"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAM = "JLinkExe"
SECONDS = 180
# The boot loader waits for as long as a debugger is attached at a reset: qc disconnects and leaves the program running.
SCRIPT = """ExitOnError 1
r
h
loadbin "{image}", {address}
r
g
Sleep 600
qc
"""
DONE = re.compile(r"Flash download: Bank \d+ @ 0x\w+: (\d+ ranges? affected.*|Skipped\. Contents already match)")
CAUSES = {
    r"Cannot connect to (J-Link|the probe)|No emulators? connected|Connecting to J-Link.*FAILED": (
        "no J-Link answers; plug the board in at its J-Link USB port, and mind the permissions of USB devices"
    ),
    r"Cannot connect to target|Could not connect to|Failed to attach|Target voltage too low|VTref=0\.": (
        "J-Link is there but the chip does not answer; check the board's power switch and jumpers, then switch it off and on"
    ),
    r"(is unknown to this|Unknown device|not supported by this)": (
        "this J-Link software does not know the device {device}; install a newer one (7.70d or later)"
    ),
    r"(?i)fail|error|could not|timed? ?out": "J-Link reports: {line}",
}


def verdict(log, device):
    """Give (whether the image is in the chip, what to say); the exit status of J-Link tells neither."""
    # The script's first command, and J-Link's echo of it, speak of errors without there being one.
    lines = [line.strip() for line in log.splitlines() if "on error" not in line.lower() and "ExitOnError" not in line]
    for pattern, sentence in CAUSES.items():
        for line in lines:
            if re.search(pattern, line):
                return False, sentence.format(device=device, line=line)
    done = [i for i, line in enumerate(lines) if DONE.search(line)]
    if not done or "O.K." not in lines[done[-1] :]:
        return False, "J-Link does not say that it has written the image"
    found = DONE.search(lines[done[-1]])
    return True, found[1]


def main():
    image, device, address = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    program = shutil.which(PROGRAM)
    if program is None:
        sys.exit(f"flash: {PROGRAM} is not installed; get SEGGER's J-Link software from segger.com and put it on the PATH")
    script, kept = image.with_name("flash.jlink"), image.with_name("flash.log")
    script.write_text(SCRIPT.format(image=image, address=address))
    command = [program, "-NoGui", "1", "-Device", device, "-If", "SWD", "-Speed", "4000", "-AutoConnect", "1"]
    print(f"flash: {image} to {device} at {address} ...", flush=True)
    try:
        ended = subprocess.run(
            [*command, "-CommandFile", str(script)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
        status, log = ended.returncode, ended.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        status, log = None, (error.stdout or b"").decode(errors="replace")
    except OSError as error:
        sys.exit(f"flash: {program} does not start: {error.strerror}")
    kept.write_text(log)
    written, said = verdict(log, device)
    if status is None:
        written, said = False, f"J-Link did not end within {SECONDS} s"
    elif written and status:
        written, said = False, f"J-Link ended with exit status {status}"
    if not written:
        sys.exit(f"flash: not written: {said}; its words are in {kept}")
    print(f"flash: written and started ({said})")


main()
