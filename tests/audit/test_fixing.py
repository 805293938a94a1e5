"""What --fix does: it mends what is safe, changes nothing else, and finds nothing to mend the second time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from teig.audit.fixing import diff, fixable, fixed, odd_line_ends
from teig.audit.host import ConfigText
from teig.audit.registry import entries
from teig.audit.review import review
from teig.xen.config_file import Atom, ConfigFile, parse
from teig.xen.config_text import BadConfig
from tests.audit.given import GOOD, report_of

BAD = """# web's file; do not lose this comment
builder = 'hvm'
name = "web"   # its name
memory = 512
memory = 1024
maxmem = 4096
tsc_mode = 2; vcpus = 1
bootloader_args = "-q --offset=512"
disk = [ 'phy:/dev/vg0/web,xvda,w',   # root
         'file:/srv/web.iso,hdc:cdrom,r' ]
on_crash = "restart"
"""
MENDED = """# web's file; do not lose this comment
type = "hvm"
name = "web"   # its name
memory = 1024
maxmem = 1024
tsc_mode = "native"; vcpus = 1
bootloader_args = ["-q", "--offset=512"]
disk = [ "format=raw, vdev=xvda, access=rw, target=/dev/vg0/web",   # root
         "format=raw, vdev=hdc, access=ro, devtype=cdrom, target=/srv/web.iso" ]
on_crash = "restart"
"""


def mended(text: str, *, xm: bool = False) -> str:
    return fixed(ConfigText("web.cfg", text), xm=xm)


def test_what_is_safe_is_mended_and_nothing_else_is_touched() -> None:
    assert mended(BAD) == MENDED
    assert fixable(report_of(BAD).findings) == 7
    assert fixable(report_of(MENDED).findings) == 0


def test_a_second_time_changes_nothing() -> None:
    assert mended(MENDED) == MENDED
    assert mended(GOOD) == GOOD


def test_silenced_findings_are_not_mended() -> None:
    silent = BAD.replace("maxmem = 4096", "maxmem = 4096 # teig: ignore MEM001")
    assert "maxmem = 4096" in mended(silent)


def test_line_ends_that_xl_refuses_are_mended() -> None:
    text = GOOD.replace("\n", "\r\n") + "# the end"
    assert mended(text) == GOOD + "# the end\n"
    assert review([ConfigText("web.cfg", mended(text))]).errors == []
    assert mended(text, xm=True) == text


def test_a_line_is_never_added_inside_a_list() -> None:
    text = "name = 'web'; disk = [\n 'format=raw, vdev=xvda, target=/dev/a' ]; vif = [\n ]\nmemory = 1\n"
    assert mended(text) == text.replace(" ]\nmemory", ' ]\ntype = "pv"\nmemory')


def test_what_cannot_be_read_is_left_alone() -> None:
    for text in ("disk = [ 'a'\n", "import os\n", "a = 'x\r\n", "", "# nothing\n", "\n\n"):
        assert mended(text) == text


def test_a_diff_can_be_applied_by_patch() -> None:
    shown = diff("/etc/xen/web.cfg", BAD, MENDED)
    assert shown.startswith("--- a/etc/xen/web.cfg\n+++ b/etc/xen/web.cfg\n@@ ")
    assert "\n-maxmem = 4096\n" in shown
    assert "\n+maxmem = 1024\n" in shown
    assert diff("x", BAD, BAD) == ""
    assert "\\ No newline at end of file" in diff("x", "a = 1 # c", "a = 1 # c\n")


def test_a_diff_shows_line_ends_that_are_mended() -> None:
    assert diff("x", "a = 1\r\nb = 2\n", "a = 1\nb = 2\n").endswith("\n-a = 1\r\n+a = 1\n b = 2\n")


def test_files_whose_line_ends_can_be_mended_are_counted() -> None:
    texts = (GOOD, GOOD.replace("\n", "\r\n"), GOOD + "# the end", "a = 'x\r\n")
    assert [odd_line_ends(ConfigText("web.cfg", text)) for text in texts] == [False, True, True, False]


LINES = st.sampled_from(
    [*(line + "\n" for line in BAD.splitlines() if not line.startswith((" ", "disk"))), "memory = 512\n", "cap = 400\n",
     "disk = ['phy:a/b,xvda,w', 'tap:qcow2:/x,hda']\n", "disk += ['file:/y,xvdb,w']\n", "vif = ['']\n", "type = 'pv'\n",
     "maxmem = 128; maxmem = 256\n", "timer_mode = 1\n", "extra = 'a'\n", "extra += ' b'\n", "altp2m = 9\n", "\r\n"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=14).map("".join))
def test_mending_ends_and_keeps_what_the_guest_is(text: str) -> None:
    try:
        before = parse(text)
    except BadConfig:
        assert mended(text) == text
        return
    after = parse(mended(text))
    assert fixable(review([ConfigText("web.cfg", after.text)]).findings) == 0
    assert [comment for _, comment in after.comments] == [comment for _, comment in before.comments]
    for name in ("name", "memory", "vcpus", "extra", "cap", "on_crash"):
        assert _text(after, name) == _text(before, name)


def _text(config: ConfigFile, name: str) -> str | None:
    setting = config.settings.get(name)
    return setting.value.text if setting and isinstance(setting.value, Atom) else None


def test_every_rule_that_mends_says_so() -> None:
    mending = {"MEM001", "CFG004", "CFG009", "CFG010", "DSK007", "GST001", "GST002"}
    for code, entry in entries().items():
        says = "`--fix` writes" in entry.documentation or "`--fix` puts" in entry.documentation
        says |= "`--fix` sets" in entry.documentation or "`--fix` removes" in entry.documentation
        assert says is (code in mending), code
