"""How the commands are put together: one Typer application per noun, loaded only when it is used.

`teig --help` must come up at once, so `LazyGroup` shows the nouns from a table of texts and imports a noun's module
when one of its verbs runs. Neighbours: `teig.cli.main` has the table.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class Noun:
    """Where a noun's commands are (a module with a Typer named `app`) and what the list of commands says of it."""

    module: str
    help: str


def noun_app(text: str) -> typer.Typer:
    """Return the Typer application of one noun. Help is plain text: importing Rich would triple the time it takes."""
    return typer.Typer(
        help=text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


class LazyGroup(TyperGroup):
    """A group of commands whose modules are imported when one of them is called."""

    nouns: dict[str, Noun] = {}  # noqa: RUF012 - set once by the subclass that Typer makes an instance of

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        self.rich_markup_mode = None
        for name, noun in self.nouns.items():
            self.commands[name] = TyperCommand(name, help=noun.help, rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that the arguments name, the real one in place of its stand-in."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in self.nouns:
            module = importlib.import_module(self.nouns[name].module)
            command = typer.main.get_command(module.app)
            command.name = name
        return name, command, rest
