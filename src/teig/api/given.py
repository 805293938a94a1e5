"""What handlers are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import Field
from starlette.requests import HTTPConnection

from teig.control.services import Services


def _services(connection: HTTPConnection) -> Services:
    services: Services = connection.app.state.services
    return services


Given = Annotated[Services, Depends(_services)]
"""The server's parts, in every handler."""

Name = Annotated[str, Field(min_length=1, max_length=63)]
"""What may be the name of something."""
