"""The HTTP API: status codes, error bodies, uploads, waiting, streams."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from teig.api.app import build
from teig.control.services import Services
from teig.record import dump
from tests.simulated import CONTENTS, HOST_KEY, TINY, manifest

WEB = {"name": "web", "plan": "tiny", "image": "micro"}


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with TestClient(build(services), raise_server_exceptions=False) as client:
        yield client


def finish(client: TestClient, operation: dict[str, Any]) -> dict[str, Any]:
    for _ in range(100):
        answer = client.get(f"/v1/operations/{operation['id']}", params={"wait_s": 5, "seen": operation["seen"]})
        operation = answer.json()
        if operation["ended"]:
            return operation
    raise AssertionError(f"{operation} does not end")


def test_a_guest_from_nothing_to_nothing(client: TestClient) -> None:
    made = client.post("/v1/guests", json=WEB)
    assert made.status_code == 202
    assert finish(client, made.json())["state"] == "done"
    shown = client.get("/v1/guests/web").json()
    same = dump(TINY)
    assert (shown["entitled"], shown["set"], shown["live"], shown["drift"]) == (same, same, same, [])
    assert (shown["state"], shown["host"], shown["image"], shown["addresses"]) == (
        "running",
        "sim1",
        "micro",
        ["10.77.16.0"],
    )
    assert [guest["name"] for guest in client.get("/v1/guests").json()] == ["web"]
    assert client.delete("/v1/guests/web").json()["error"]["code"] == "guest_running"
    assert finish(client, client.post("/v1/guests/web/stop", json={"force": True}).json())["state"] == "done"
    assert finish(client, client.post("/v1/guests/web/start").json())["state"] == "done"
    assert finish(client, client.delete("/v1/guests/web", params={"force": True}).json())["state"] == "done"
    assert client.get("/v1/guests").json() == []
    assert [operation["kind"] for operation in client.get("/v1/operations").json()] == [
        "guest_delete",
        "guest_start",
        "guest_stop",
        "guest_create",
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/guests/nobody", None, 404, "no_guest"),
        ("GET", "/v1/hosts/nobody", None, 404, "no_host"),
        ("GET", "/v1/plans/huge", None, 404, "no_plan"),
        ("GET", "/v1/operations/none", None, 404, "no_operation"),
        ("GET", "/v1/nonsense", None, 404, "no_route"),
        ("POST", "/v1/guests", {"name": "web"}, 422, "invalid"),
        ("POST", "/v1/guests", {**WEB, "plan": "large"}, 403, "no_room"),
        ("POST", "/v1/guests", {**WEB, "nics": "many"}, 422, "invalid"),
        ("POST", "/v1/guests/web/stop", {"grace_s": -1}, 422, "invalid"),
        ("POST", "/v1/sites", {"name": "oslo"}, 422, "invalid"),
        ("POST", "/v1/images", {"manifest": {"name": "x"}}, 422, "invalid"),
        ("PUT", "/v1/images/..%2f..%2fetc/files/passwd", {}, 404, "no_route"),
        (
            "POST",
            "/v1/hosts",
            {"name": "a", "address": "-oProxyCommand=x", "port": 0, "host_key": "x y", "site": "lab"},
            422,
            "invalid",
        ),
        (
            "POST",
            "/v1/hosts",
            {"name": "gone", "address": "nowhere", "port": 22, "host_key": HOST_KEY, "site": "lab"},
            502,
            "unreachable",
        ),
    ],
)
def test_a_bad_request_gets_a_status_and_one_sentence(
    client: TestClient, method: str, path: str, body: object, status: int, code: str
) -> None:
    answer = client.request(method, path, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert error["message"].endswith(".")
    assert "Traceback" not in answer.text


def test_an_image_arrives_file_by_file(client: TestClient) -> None:
    announced = client.post("/v1/images", json={"manifest": dump(manifest("other"))}).json()
    assert set(announced["missing"]) == set(CONTENTS)
    assert client.get("/v1/images/other").status_code == 404
    for file, data in CONTENTS.items():
        announced = client.put(f"/v1/images/{announced['id']}/files/{file}", content=data).json()
    assert announced["missing"] == []
    assert client.get("/v1/images/other").json()["size_bytes"] == sum(len(data) for data in CONTENTS.values())
    assert client.post("/v1/images", json={"manifest": dump(manifest("other"))}).json()["missing"] == []
    assert client.delete("/v1/images/other").status_code == 204
    assert client.get("/v1/images/other").status_code == 404


@pytest.mark.parametrize("data", [b"not a kernel", b"a kerneL", b"a kernel and more than that"])
def test_a_corrupt_image_is_refused_and_not_kept(client: TestClient, services: Services, data: bytes) -> None:
    announced = client.post("/v1/images", json={"manifest": dump(manifest("other"))}).json()
    answer = client.put(f"/v1/images/{announced['id']}/files/vmlinuz", content=data)
    assert answer.json()["error"]["kind"] == "image_corrupt"
    assert [path.name for path in (services.image_dir / announced["id"]).iterdir()] == ["manifest.json"]


def test_where_there_is_no_room_for_an_image_it_is_said_at_once(client: TestClient, services: Services) -> None:
    shutil.rmtree(services.image_dir)
    services.image_dir.write_text("in the way")
    error = client.post("/v1/images", json={"manifest": dump(manifest("other"))}).json()["error"]
    assert error["message"].startswith("The server cannot store the image: ")


def test_an_image_in_use_is_kept(client: TestClient) -> None:
    finish(client, client.post("/v1/guests", json=WEB).json())
    error = client.delete("/v1/images/micro").json()["error"]
    assert error["code"] == "image_in_use"
    assert "web" in error["message"]


def test_a_host_with_guests_is_kept_and_one_without_is_forgotten(client: TestClient) -> None:
    finish(client, client.post("/v1/guests", json=WEB).json())
    assert client.delete("/v1/hosts/sim1").json()["error"]["code"] == "host_in_use"
    finish(client, client.delete("/v1/guests/web", params={"force": True}).json())
    assert client.delete("/v1/hosts/sim1").json() == {"guests": []}
    assert client.get("/v1/hosts").json() == []


def test_a_host_that_is_lost_is_forgotten_with_its_guests(client: TestClient) -> None:
    finish(client, client.post("/v1/guests", json=WEB).json())
    assert client.delete("/v1/hosts/sim1", params={"force": True}).json() == {"guests": ["web"]}
    assert client.get("/v1/hosts").json() == client.get("/v1/guests").json() == []


def test_a_host_is_shown_with_its_key_and_its_room(client: TestClient) -> None:
    shown = client.get("/v1/hosts/sim1").json()
    assert shown["host_key_fingerprint"].startswith("SHA256:")
    assert shown["state"] == "ready"
    assert shown["room"] == {"memory_mib": 2048 - 1024 - 32, "disk_bytes": 1 << 40, "cores": 3.0}


def test_a_hosts_settings_are_read_for_the_audit(client: TestClient) -> None:
    facts = client.get("/v1/hosts/sim1/audit-facts").json()
    assert (facts["settings"]["hostname"], facts["configs"]) == ("sim1", [])
    assert client.get("/v1/hosts/nobody/audit-facts").json()["error"]["code"] == "no_host"


def test_an_enrolled_machine_is_not_enrolled_under_another_name(client: TestClient) -> None:
    again = {"name": "other", "address": "sim1", "port": 22, "host_key": HOST_KEY, "site": "lab"}
    assert client.post("/v1/hosts", json=again).json()["error"]["code"] == "host_known"
    assert client.post("/v1/hosts", json={**again, "name": "sim1"}).status_code == 201


def test_bytes_reach_a_guests_port_and_console(client: TestClient) -> None:
    finish(client, client.post("/v1/guests", json=WEB).json())
    with client.websocket_connect("/v1/guests/web/ports/80") as socket:
        assert socket.receive_bytes() == b"port 80"
    with client.websocket_connect("/v1/guests/web/console") as socket:
        assert socket.receive_bytes() == b"console"


@pytest.mark.parametrize(("path", "words"), [("nobody/ports/80", "no guest"), ("web/ports/0", "not a TCP port")])
def test_a_stream_that_cannot_be_opened_says_why(client: TestClient, path: str, words: str) -> None:
    finish(client, client.post("/v1/guests", json=WEB).json())
    with client.websocket_connect(f"/v1/guests/{path}?reason=text") as socket:
        assert words in socket.receive_json()["message"]
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_bytes()
    with client.websocket_connect(f"/v1/guests/{path}") as socket, pytest.raises(WebSocketDisconnect) as earlier:
        socket.receive_bytes()
    for told in (caught.value, earlier.value):
        assert told.code == 4000
        assert words in told.reason


def test_the_description_of_the_api_is_there(client: TestClient) -> None:
    assert "/v1/guests/{name}" in client.get("/v1/openapi.json").json()["paths"]
    assert client.get("/v1/server").json()["ssh_public_key"] == HOST_KEY
