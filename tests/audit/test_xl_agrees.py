"""A real `xl create -n` (a dry run: nothing starts) and Teig read the same files: both accept, and read the same.

`tests/xen` asks xl's library about grammar and disks wherever it is installed; here the whole program is asked, with
all that it makes of the values. All files go to the host and back in one command, for each ssh costs more than xl.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

import pytest

from teig.audit.guest import Guest
from teig.audit.host import ConfigText
from teig.audit.review import review
from teig.xen.config_file import parse
from tests.fleet.conftest import Stand
from tests.xen.test_specs import DISKS

pytestmark = pytest.mark.lab
COUNT = 300
REFUSING = {"CFG006", "CFG007", "CFG008", "GST010", "GST012", "GST013"}
"""Rules that say that xl refuses a file; CFG008 does so for all devices but network cards."""
ASK = """
import json, subprocess, sys, tempfile
answers = []
with tempfile.NamedTemporaryFile("wb", suffix=".cfg") as file:
    for text in json.load(sys.stdin):
        file.seek(0); file.truncate(); file.write(text.encode()); file.flush()
        done = subprocess.run(["xl", "create", "-n", "-q", file.name], stdin=subprocess.DEVNULL, capture_output=True)
        answers.append([done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")])
json.dump(answers, sys.stdout)
"""
VIFS = (
    "", "bridge=xenbr0", "mac=00:16:3e:00:00:01, bridge=br1", "mac=0:16:3E:0:0:1,rate=10Mb/s", "rate=1MB/s@20ms",
    "type=vif,script=vif-route,ip=192.0.2.1", "vifname=web0,model=e1000", "mtu=9000,devid=3",
)  # fmt: skip
LINES = (
    "on_crash = 'restart'", "on_crash = 'reboot'", "on_reboot = 'destroy'", "cpu_weight = 512", "cap = 50",
    "cap = 0x32",
    "uuid = '5a6f8e0c-61f1-4c1a-9b5e-7d7c0f5c1a01'", "uuid = 'web'", "builder = 'generic'", "builder = 'hvm'",
    "extra = 'a' ; root = '/dev/xvda'", "cmdline = \"quiet\"", "localtime = 1", "tsc_mode = 2", "tsc_mode = 'native'",
    "memory += 1", "pci_permissive = 1", "vncviewer = 1", "memroy = 5", "cpus = 'all'", "shadow_memory = 010",
    "a = 'x' # open", "b = -1", "c = (1)", "d = [1,\n 2,]", "e = True", "name = \\q", "# only a comment",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What xl said of one file; `config` is what it read, None where it refused."""

    text: str
    said: str
    config: dict[str, Any] | None


def generated(seed: int = 17) -> list[str]:
    """Return files of the shapes that hosts have, some of them spoilt."""
    draw = random.Random(seed)  # noqa: S311 - nothing secret
    return [_file(draw, number) for number in range(COUNT)]


def _file(draw: random.Random, number: int) -> str:
    lines = [f"name = 'g{number}'", f"memory = {draw.choice((64, 256, 1024))}", 'kernel = "/boot/vmlinuz"']
    lines += draw.choice((["type = 'pv'"], ["type = 'pvh'"], ["type = 'hvm'"], []))
    lines += draw.choice((["maxmem = 2048"], []))
    lines += [f"vcpus = {draw.randrange(1, 5)}"]
    disks = draw.sample([disk for disk in DISKS if '"' not in disk], draw.choice((0, 1, 1, 2)))
    lines += ["disk = [" + ", ".join(f'"{disk}"' for disk in disks) + "]"]
    lines += ["vif = [" + ",\n  ".join(f"'{vif}'" for vif in draw.sample(VIFS, draw.randrange(3))) + "]"]
    lines += draw.sample(LINES, draw.choice((0, 0, 1, 2)))
    draw.shuffle(lines)
    return "\n".join(lines) + draw.choice(("\n", "\n", ""))


@pytest.fixture(scope="module")
def answers(module_stand: Stand) -> list[Answer]:
    texts = generated()
    said = module_stand.lab.run(f"python3 -c '{ASK}'", stdin=json.dumps(texts).encode(), timeout_s=1800)
    found = []
    for text, (status, stdout, stderr) in zip(texts, json.loads(said), strict=True):
        start = stdout.find("{")
        found.append(Answer(text, stderr, json.loads(stdout[start:]) if status == 0 and start >= 0 else None))
    return found


def accepted(text: str) -> bool:
    """Return whether xl takes a file, by what the audit says of it."""
    report = review([ConfigText("g.cfg", text)])
    return not report.errors and not REFUSING & {finding.code for finding in report.findings}


def test_the_files_are_of_both_kinds(answers: list[Answer]) -> None:
    taken = sum(1 for answer in answers if answer.config is not None)
    assert COUNT / 5 < taken < COUNT * 4 / 5


def test_both_accept_the_same_files(answers: list[Answer]) -> None:
    differing = [one for one in answers if accepted(one.text) is not (one.config is not None)]
    assert not differing, f"{len(differing)} differ; the first:\n{differing[0].text}\nxl: {differing[0].said}"


def test_both_read_the_same_values(answers: list[Answer]) -> None:
    for answer in answers:
        if answer.config is not None and accepted(answer.text):
            guest = Guest("g.cfg", parse(answer.text))
            assert _of_teig(guest) == _of_xl(answer.config), answer.text


def _of_teig(guest: Guest) -> dict[str, Any]:
    return {
        "name": guest.name,
        "type": guest.type,
        "memory": guest.number("memory"),
        "maxmem": guest.memory_mib,
        "weight": guest.number("cpu_weight"),
        "cap": guest.number("cap"),
        "disks": [(one.value.target, one.value.vdev, one.value.format, one.value.readonly) for one in guest.disks],
        "nics": [(one.value.mac, one.value.given.get("bridge")) for one in guest.vifs],
    }


def _of_xl(config: dict[str, Any]) -> dict[str, Any]:
    created, built = config["c_info"], config["b_info"]
    shares = built.get("sched_params", {})
    return {
        "name": created["name"],
        "type": created["type"],
        "memory": _mib(built.get("target_memkb")),
        "maxmem": _mib(built.get("max_memkb")),
        "weight": shares.get("weight"),
        "cap": shares.get("cap"),
        "disks": [
            (disk.get("pdev_path"), disk["vdev"], disk["format"], not disk.get("readwrite"))
            for disk in config.get("disks", [])
        ],
        "nics": [(_mac(nic.get("mac")), nic.get("bridge")) for nic in config.get("nics", [])],
    }


def _mib(kib: int | None) -> int | None:
    return None if kib is None else kib // 1024


def _mac(mac: str | None) -> str | None:
    return None if mac in {None, "00:00:00:00:00:00"} else mac
