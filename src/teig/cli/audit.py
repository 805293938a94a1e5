"""`teig audit`: configuration files and hosts, read as an expert would. Files and `--local` need no server.

Neighbours: `teig.audit` has the rules and knows no terminal, `audit_sources` gets files and facts, `client` the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, print_json, printable
from teig.model.errors import InvalidRequest

if TYPE_CHECKING:
    from teig.audit.finding import Finding
    from teig.audit.host import ConfigText
    from teig.audit.review import Report
    from teig.audit.selection import Selection
    from teig.cli.audit_sources import Sources

app = noun_app("Configuration files of guests, and hosts, read as an expert would.")

Codes = list[str] | None
_ERRORS: Final = {
    "syntax": ("syntax error", "syntax errors"),
    "unreadable": ("unreadable file", "unreadable files"),
    "empty": ("empty file", "empty files"),
}


@app.command(
    "audit",
    epilog="Exit codes: 0 nothing, or only notes; 1 warnings, or errors; 2 wrong usage; 3 not reachable (--host).",
)
def audit(
    files: Annotated[list[Path] | None, typer.Argument(help="Configuration files of guests (xl.cfg).")] = None,
    local: Annotated[
        bool, typer.Option("--local", help="This machine too, as root. Without FILES, its guests' files.")
    ] = False,
    host: Annotated[str | None, typer.Option("--host", help="A host of the server, and its guests' files.")] = None,
    select: Annotated[Codes, typer.Option("--select", help="Only these codes (or beginnings), with commas.")] = None,
    ignore: Annotated[Codes, typer.Option("--ignore", help="Not these codes (or beginnings), with commas.")] = None,
    xm: Annotated[bool, typer.Option("--xm", help="The files are for xm: take what it read and xl refuses.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Print what can be mended safely, as a unified diff.")] = False,
    write: Annotated[bool, typer.Option("--write", help="With --fix: change the files, keeping FILE.bak.")] = False,
    explain: Annotated[
        str | None, typer.Option("--explain", metavar="CODE", help="All about a rule; all: list.")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Say what is wrong, slow or dangerous in configuration files of guests, and on the host that they are for."""
    from teig.audit.fixing import odd_line_ends
    from teig.audit.review import review
    from teig.cli import audit_sources

    if explain is not None:
        _explain(explain)
        return
    _check_usage(files, local=local, host=host, fix=fix, write=write, output=output)
    selection = _selection(select, ignore)
    sources = audit_sources.gather(files or [], local=local, host=host)
    if fix:
        _fix(sources, selection, write=write, xm=xm)
        return
    report = review(sources.configs, sources.host, selection, xm=xm, host_name=host or "")
    report.errors += sources.unreadable
    if output is Format.JSON:
        print_json(report.as_record())
    else:
        _print(report, 0 if xm else sum(map(odd_line_ends, sources.configs)))
    raise typer.Exit(report.exit_code)


def _explain(code: str) -> None:
    from teig.audit.explaining import explain

    typer.echo(explain(code))


def _check_usage(
    files: list[Path] | None, *, local: bool, host: str | None, fix: bool, write: bool, output: Format
) -> None:
    if host is not None and (files or local or fix):
        raise InvalidRequest("--host stands alone: it looks at that host's own files.", "Leave the others away.")
    if not files and not local and host is None:
        raise InvalidRequest("There is nothing to look at.", "Name files, for example: teig audit /etc/xen/*.cfg")
    if write and not fix:
        raise InvalidRequest("--write changes files only together with --fix.", "Write: teig audit --fix --write FILE")
    if fix and output is Format.JSON:
        raise InvalidRequest("--fix prints a diff, not JSON.", "Leave -o json away.")


def _selection(select: Codes, ignore: Codes) -> Selection:
    from teig.audit.selection import Selection

    def codes(given: Codes) -> tuple[str, ...]:
        return tuple(code.strip().upper() for text in given or () for code in text.split(",") if code.strip())

    return Selection(codes(select), codes(ignore))


def _fix(sources: Sources, selection: Selection, *, write: bool, xm: bool) -> None:
    """Print or make the changes; then say on standard error what is left, which only a person can mend, and how."""
    from teig.audit.fixing import fixable, fixed, odd_line_ends
    from teig.audit.host import ConfigText
    from teig.audit.review import review
    from teig.cli.audit_sources import rewrite

    after, changed = [], 0
    for config in sources.configs:
        text = fixed(config, sources.host, selection, xm=xm)
        after.append(ConfigText(config.path, text))
        if text == config.text:
            continue
        changed += 1
        if write:
            kept = rewrite(after[-1])
            typer.echo(f"{printable(config.path)}: changed; as it was: {printable(str(kept))}")
        else:
            _show_diff(config, text, line_ends=not xm and odd_line_ends(config))
    report = review(after, sources.host, selection, xm=xm)
    report.errors += sources.unreadable
    _explain_rest(report)
    _summary(report, "Left for you to decide", fixable(report.findings))
    raise typer.Exit(1 if changed and not write else report.exit_code)


def _show_diff(config: ConfigText, text: str, *, line_ends: bool) -> None:
    from teig.audit.fixing import diff

    shown = diff(config.path, config.text, text).split("\r\n")
    typer.echo("\r\n".join(map(printable, shown)), nl=False)
    if line_ends:
        mended = "its line ends become those that xl reads, which a terminal does not show"
        typer.echo(f"{printable(config.path)}: {mended}.", err=True)


def _explain_rest(report: Report) -> None:
    """Print each rule that still speaks: where, and once what its documentation says is to be done."""
    import textwrap

    from teig.audit.explaining import parts_of
    from teig.audit.registry import entries

    for error in report.errors:
        typer.echo(_line(error), err=True)
    for code in sorted({one.code for one in report.findings}):
        for one in report.findings:
            if one.code == code:
                typer.echo(_line(one), err=True)
        todo = parts_of(entries()[code])["Fix"]
        typer.echo(textwrap.fill(todo, 110, initial_indent="    ", subsequent_indent="    "), err=True)


def _print(report: Report, line_ends: int) -> None:
    """Print as compilers do: place, code and message, then the line with a mark below the place."""
    from teig.audit.fixing import fixable

    for one in [*report.errors, *report.findings]:
        typer.echo(_line(one))
        if one.line:
            _quote(one)
    _summary(report, "Found", fixable(report.findings) + line_ends)


def _line(one: Finding) -> str:
    place = f"{one.file}:{one.line}:{one.column}" if one.line else one.file
    return printable(f"{place}: {one.severity} {one.code}: {one.message}").replace("\n", "?")


def _quote(one: Finding) -> None:
    line = printable(one.shown.expandtabs(1)).replace("\n", "?")
    start = max(0, one.column - 80)
    typer.echo(f"    {line[start : start + 110]}")
    typer.echo(f"    {' ' * (one.column - 1 - start)}^")


def _summary(report: Report, what: str, safe: int) -> None:
    """Say how many there are of each kind, and how many of them can be mended safely."""
    from teig.audit.finding import Severity

    counts = [(sum(one.code == code for one in report.errors), *names) for code, names in _ERRORS.items()]
    for severity in Severity:
        counts += [(sum(one.severity is severity for one in report.findings), severity, f"{severity}s")]
    words = ", ".join(f"{count} {name if count == 1 else names}" for count, name, names in counts if count)
    typer.echo(f"{what}: {words}." if words else "Nothing found.", err=True)
    if safe:
        typer.echo(f"{safe} can be mended safely; teig audit --fix shows how.", err=True)
    if report.findings:
        typer.echo("teig audit --explain CODE says why, and what to do.", err=True)
