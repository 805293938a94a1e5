"""All rules over configuration files and, where it is known, the host that they are for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from teig.audit.finding import Finding, Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import ConfigText, HostSettings
from teig.audit.registry import entries
from teig.audit.rule import GuestRule, GuestsRule, HostRule, Rule
from teig.audit.selection import Selection, Silence, lines_of, silenced
from teig.xen.config_file import ConfigFile, parse
from teig.xen.config_text import BadConfig, Lines

SYNTAX = "syntax"
UNREADABLE = "unreadable"
EMPTY = "empty"


@dataclass
class Report:
    """Findings, and errors: files that xl would refuse, which are still looked at as far as they can be read."""

    findings: list[Finding] = field(default_factory=list)
    errors: list[Finding] = field(default_factory=list)

    def as_record(self) -> dict[str, object]:
        """Return it as `-o json` prints it."""
        return {
            "findings": [finding.as_record() for finding in self.findings],
            "errors": [error.as_record() for error in self.errors],
        }

    @property
    def exit_code(self) -> int:
        """0 where there is nothing, or only notes; 1 else."""
        grave = any(finding.severity is not Severity.NOTE for finding in self.findings)
        return 1 if grave or self.errors else 0


def review(
    files: Iterable[ConfigText],
    host: HostSettings | None = None,
    selection: Selection | None = None,
    *,
    xm: bool = False,
    host_name: str = "",
) -> Report:
    """Look at files and a host with all selected rules. `xm` takes as read what xm took and xl refuses.

    Findings come file by file in the order given, the host's own last; `host_name` goes before its places.
    """
    report = Report()
    guests: list[Guest] = []
    for file in files:
        config = _read(file, report, xm=xm)
        if config is not None and config.assignments:
            guests.append(Guest(file.path, config))
    chosen = selection or Selection()
    rules = [entry.rule for code, entry in entries().items() if chosen.takes(code)]
    report.findings += _findings(rules, guests, host, host_name)
    return report


def _read(file: ConfigText, report: Report, *, xm: bool) -> ConfigFile | None:
    try:
        config = parse(file.text)
    except BadConfig as error:
        report.errors.append(_error(file.path, Lines(file.text), error))
        return None
    if not xm:
        report.errors += [_error(file.path, config.lines, deviation) for deviation in config.deviations]
    if not config.assignments:
        message = "The file sets nothing, and xl starts no guest without a name. Remove it, or write the guest into it."
        report.errors.append(Finding(file.path, 0, 0, EMPTY, Severity.ERROR, message))
    return config


def _error(path: str, lines: Lines, error: BadConfig) -> Finding:
    place = lines.place(error.offset)
    return Finding(path, place.line, place.column, SYNTAX, Severity.ERROR, str(error), lines)


def _findings(
    rules: Sequence[Rule], guests: Sequence[Guest], host: HostSettings | None, host_name: str
) -> Iterator[Finding]:
    order = {guest.file: number for number, guest in enumerate(guests)}
    silence = {id(guest): silenced(guest.config) for guest in guests}
    found: list[Finding] = []
    for rule in rules:
        for one in _run(rule, guests, host):
            finding = _located(rule, one, silence, host_name)
            if finding is not None:
                found.append(finding)
    found.sort(key=lambda one: (order.get(one.file, len(order)), one.line, one.column, one.code))
    yield from found


def _run(rule: Rule, guests: Sequence[Guest], host: HostSettings | None) -> Iterator[Found]:
    if isinstance(rule, GuestRule):
        for guest in guests:
            yield from rule.check(guest, host)
    elif isinstance(rule, GuestsRule):
        yield from rule.check(guests, host)
    elif isinstance(rule, HostRule) and host is not None:
        yield from rule.check(host)


def _located(rule: Rule, found: Found, silence: dict[int, Silence], host_name: str) -> Finding | None:
    guest = found.guest
    if guest is None:
        place = f"{host_name}:{found.place}" if host_name else found.place
        return Finding(place, 0, 0, rule.code, rule.severity, found.message)
    quiet = silence[id(guest)]
    if (quiet.file or quiet.lines) and quiet.covers(rule.code, lines_of(guest.config, found.span)):
        return None
    lines = guest.config.lines
    line, column = lines.place(found.span.start)
    return Finding(
        guest.file, line, column, rule.code, rule.severity, found.message, lines, found.edits
    )  # fmt: skip
