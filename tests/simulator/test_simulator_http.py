# SPDX-License-Identifier: Apache-2.0
"""The simulator as a program: over TLS, with everything that can go wrong on the wire.

Run by `/usr/bin/python3 -m pytest`; RAXAUTH_IDENTITY_SIM names the binary.
"""

import http.client
import json
import os
import pathlib
import re
import select
import signal
import socket
import ssl
import subprocess
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
PATIENCE = 10


def binary():
    named = os.environ.get("RAXAUTH_IDENTITY_SIM")
    places = [pathlib.Path(named)] if named else [
        TOP / "build" / preset / "tests/simulator/raxauth-identity-sim" for preset in ("dev", "release")
    ]
    for place in places:
        if place.exists():
            return str(place)
    pytest.fail(f"no simulator at {' or '.join(map(str, places))}")


class Simulator:
    """One running simulator and its files."""

    def __init__(self, directory, *options, plain=False):
        self.directory = pathlib.Path(directory)
        self.plain = plain
        self.log_file = self.directory / "log"
        self.outbox_file = self.directory / "outbox"
        tls = ["--plain-http"] if plain else ["--make-certs", str(self.directory / "certs")]
        self.process = subprocess.Popen(
            [binary(), "--users", str(HERE / "users.example.json"), "--control", "127.0.0.1:0",
             "--log", str(self.log_file), "--outbox", str(self.outbox_file),
             "--ready-file", str(self.directory / "port"),
             "--control-ready-file", str(self.directory / "control-port"), *tls, *options],
            stdout=subprocess.PIPE, bufsize=0)
        control_line = self.line()
        listening_line = self.line()
        self.control_port = int(re.fullmatch(r"control on 127\.0\.0\.1:(\d+)", control_line)[1])
        self.port = int(re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)", listening_line)[1])

    def line(self):
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert readable, "the simulator says nothing"
        return self.process.stdout.readline().decode().strip()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.process.stdout.close()
        return status

    def trust(self):
        return ssl.create_default_context(cafile=str(self.directory / "certs/ca.pem"))

    def connection(self, timeout=PATIENCE):
        if self.plain:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.trust())

    def control(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=PATIENCE)
        connection.request(method, path, None if body is None else json.dumps(body))
        reply = connection.getresponse()
        answer = json.loads(reply.read())
        connection.close()
        assert reply.status == 200, answer
        return answer

    def fault(self, user, name, **more):
        self.control("PUT", f"/users/{user}",
                     {"fault": name, **{f"fault_{key}": value for key, value in more.items()}})

    def post(self, auth, headers=None, connection=None, query="?include_endpoints=false"):
        own = connection is None
        connection = connection or self.connection()
        try:
            connection.request("POST", "/v2.0/tokens" + query, json.dumps({"auth": auth}),
                               {"Content-Type": "application/json", **(headers or {})})
            reply = connection.getresponse()
            return reply, reply.read()
        finally:
            if own:
                connection.close()

    def password(self, user, password, connection=None):
        return self.post({"passwordCredentials": {"username": user, "password": password}},
                         connection=connection)

    def passcode(self, session, code, connection=None):
        return self.post({"RAX-AUTH:passcodeCredentials": {"passcode": code}}, {"X-SessionId": session},
                         connection=connection)

    def log(self):
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def wait_for_line(self, wanted):
        """Waits until the last line of the log is as wanted."""
        deadline = time.monotonic() + PATIENCE
        while not ((lines := self.log()) and wanted(lines[-1])):
            assert time.monotonic() < deadline, lines[-1:]

    def texts(self):
        return [json.loads(line) for line in self.outbox_file.read_text().splitlines()]

    def raw_post(self, user, password):
        """The socket on which the sign-in was asked for, the reply not yet read."""
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        wire = plain if self.plain else self.trust().wrap_socket(plain, server_hostname="localhost")
        body = json.dumps({"auth": {"passwordCredentials": {"username": user, "password": password}}})
        wire.sendall((f"POST /v2.0/tokens HTTP/1.1\r\nHost: localhost\r\n"
                      f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
        return wire


def session_in(reply):
    return re.fullmatch(r"OS-MF sessionId='([^']*)', factor='(?:OTP)?PASSCODE'",
                        reply.getheader("WWW-Authenticate"))[1]


def read_all(wire):
    pieces = []
    while True:
        piece = wire.recv(65536)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


@pytest.fixture(scope="module", params=["tls", "plain"])
def simulator(request, tmp_path_factory):
    running = Simulator(tmp_path_factory.mktemp("simulator"), plain=request.param == "plain")
    yield running
    assert running.stop() == 0


@pytest.fixture
def start(tmp_path):
    """Starts a simulator of one's own; none outlives its test."""
    started = []

    def one(*options):
        started.append(Simulator(tmp_path, *options))
        return started[-1]

    yield one
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


@pytest.fixture(autouse=True)
def fresh(request):
    if "simulator" in request.fixturenames:
        request.getfixturevalue("simulator").control("POST", "/reset")


# --- the service -------------------------------------------------------------------------------------


def test_two_steps_with_a_text_message_on_one_connection(simulator):
    before = len(simulator.log())
    connection = simulator.connection()
    first, body = simulator.password("alice", "Wonderland1", connection)
    assert first.status == 401
    assert json.loads(body) == {"unauthorized": {
        "code": 401, "message": "Additional authentication credentials required"}}
    message = simulator.texts()[-1]
    assert message["number"] == "+1 512-555-0100"
    code = re.fullmatch(r"Rackspace SMS passcodes \(will expire in 10 minutes\): (\d{7})", message["text"])[1]
    second, body = simulator.passcode(session_in(first), code, connection)
    connection.close()

    access = json.loads(body)["access"]
    assert second.status == 200
    assert sorted(access["token"]["RAX-AUTH:authenticatedBy"]) == ["PASSCODE", "PASSWORD"]
    assert access["user"]["name"] == "alice"
    lines = simulator.log()[before:]
    assert [line["step"] for line in lines] == ["first", "passcode"]
    assert [line["sms"] for line in lines] == [True, False]
    assert lines[0]["connection"] == lines[1]["connection"]
    assert [line["request_of_connection"] for line in lines] == [1, 2]
    assert lines[0]["tls"] == (None if simulator.plain else "TLS1.3")


def test_the_log_holds_no_secret(simulator):
    first, _ = simulator.password("alice", "Wonderland1")
    code = simulator.texts()[-1]["text"].split()[-1]
    _, body = simulator.passcode(session_in(first), code)
    token = json.loads(body)["access"]["token"]["id"]
    connection = simulator.connection()
    connection.request("GET", f"/v2.0/tokens/{token}", headers={"X-Auth-Token": token})
    assert connection.getresponse().read()
    connection.close()

    log = simulator.log_file.read_text()
    for secret in ("Wonderland1", code, token, session_in(first)):
        assert secret not in log
    path = simulator.log()[-1]["path"]
    assert re.fullmatch(r"/v2\.0/tokens/#[0-9a-f]{12}", path)


def test_an_authenticator_code_made_by_oathtool(simulator):
    first, _ = simulator.password("bob", "Builder22")
    code = subprocess.run(["oathtool", "--totp", "--base32", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"],
                          capture_output=True, text=True, check=True).stdout.strip()
    assert code == simulator.control("GET", "/otp/bob")["codes"][0]["code"]

    assert simulator.passcode(session_in(first), code)[0].status == 200


@pytest.mark.parametrize("user, password, status, fault", [
    ("dave", "Disabled4", 403, "userDisabled"),
    ("frank", "Locked66", 401, "unauthorized"),
    ("grace", "Expired77", 401, "unauthorized"),
    ("heidi", "SetUpNow8", 403, "forbidden"),
    ("judy", "DomainOff10", 403, "userDisabled"),
    ("peggy", "Mandated16", 403, "forbidden"),
    ("racker.ray", "Rackspace18", 401, "unauthorized"),
    ("alice", "wrong", 401, "unauthorized"),
    ("erin", "NoFactor5", 200, "access"),
])
def test_the_cast(simulator, user, password, status, fault):
    reply, body = simulator.password(user, password)
    assert (reply.status, list(json.loads(body))) == (status, [fault])
    assert reply.getheader("WWW-Authenticate") is None


def test_two_session_headers_are_refused(simulator):
    connection = simulator.connection()
    connection.putrequest("POST", "/v2.0/tokens")
    body = b'{"auth":{"RAX-AUTH:passcodeCredentials":{"passcode":"1"}}}'
    for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body))),
                        ("X-SessionId", "a"), ("X-SessionId", "b")):
        connection.putheader(name, value)
    connection.endheaders(body)
    reply = connection.getresponse()
    assert (reply.status, json.loads(reply.read())["badRequest"]["message"]) == (400, "Invalid X-SessionId")
    connection.close()


def test_revocation_is_seen_by_the_control_interface(simulator):
    _, body = simulator.password("erin", "NoFactor5")
    token = json.loads(body)["access"]["token"]["id"]
    assert simulator.control("GET", "/tokens")["live"] == 1
    connection = simulator.connection()
    connection.request("DELETE", "/v2.0/tokens", headers={"X-Auth-Token": token})
    reply = connection.getresponse()
    assert (reply.status, reply.read()) == (204, b"")
    connection.request("GET", f"/v2.0/tokens/{token}", headers={"X-Auth-Token": token})
    assert connection.getresponse().status == 401
    connection.close()

    tokens = simulator.control("GET", "/tokens")
    assert (tokens["issued"], tokens["live"], tokens["revoked"]) == (1, 0, 1)
    assert tokens["by_user"]["erin"] == {"issued": 1, "revoked": 1}


def test_the_clock_of_the_control_interface_ends_sessions(simulator):
    first, _ = simulator.password("bob", "Builder22")
    simulator.control("PUT", "/clock", {"offset_seconds": 301})
    code = simulator.control("GET", "/otp/bob")["codes"][0]["code"]
    reply, body = simulator.passcode(session_in(first), code)
    assert reply.status == 401
    assert json.loads(body)["unauthorized"]["message"].endswith("Session has expired.")


def test_control_refuses_what_it_does_not_know(simulator):
    for method, path, body in (("PUT", "/switches", {"no_such": 1}), ("PUT", "/users/erin", {"fault": "no_such"}),
                               ("GET", "/no-such", None), ("GET", "/users/nobody", None)):
        with pytest.raises(AssertionError, match="error"):
            simulator.control(method, path, body)


def test_requests_are_counted_and_reset(simulator):
    simulator.password("alice", "Wonderland1")
    simulator.password("alice", "wrong")
    counters = simulator.control("GET", "/requests")
    assert (counters["total"], counters["sms"]) == (2, 1)
    assert counters["by_user"] == {"alice": {"first": 2}}
    assert counters["by_outcome"] == {"challenge": 1, "wrong-credentials": 1}
    simulator.control("DELETE", "/requests")
    assert simulator.control("GET", "/requests")["total"] == 0


def test_latency_holds_replies_back_side_by_side(simulator):
    simulator.control("PUT", "/latency", {"ms": 300})
    began = time.monotonic()
    wires = [simulator.raw_post("erin", "NoFactor5") for _ in range(10)]
    for wire in wires:
        assert wire.recv(15) == b"HTTP/1.1 200 OK"
        wire.close()
    assert 0.3 <= time.monotonic() - began < 2.5


def test_idle_connections_are_cut(simulator):
    connection = simulator.connection()
    simulator.password("erin", "NoFactor5", connection)
    assert simulator.control("POST", "/connections/cut")["cut"] == 1
    with pytest.raises((ConnectionError, ssl.SSLError, http.client.HTTPException)):
        simulator.password("erin", "NoFactor5", connection)
        pytest.fail("the connection is still there")


# --- faults on the wire --------------------------------------------------------------------------------


def test_slow(simulator):
    simulator.fault("erin", "slow", ms=400)
    began = time.monotonic()
    assert simulator.password("erin", "NoFactor5")[0].status == 200
    assert time.monotonic() - began >= 0.4


def test_trickle_sends_the_body_byte_by_byte(simulator):
    simulator.fault("alice", "trickle", ms=10)
    began = time.monotonic()
    reply, body = simulator.password("alice", "Wonderland1")
    assert json.loads(body)["unauthorized"]["code"] == 401
    assert time.monotonic() - began >= 0.01 * len(body)


def test_stall_answers_nothing_and_notices_the_client_leaving(simulator):
    simulator.fault("erin", "stall")
    wire = simulator.raw_post("erin", "NoFactor5")
    wire.settimeout(0.4)
    with pytest.raises(TimeoutError):
        wire.recv(1)
    assert simulator.control("GET", "/")["connections_open"] == 1
    wire.close()
    deadline = time.monotonic() + PATIENCE
    while simulator.control("GET", "/")["connections_open"]:
        assert time.monotonic() < deadline, "a stalled connection outlives its client"
    assert simulator.control("GET", "/tokens")["issued"] == 0


def test_stall_in_the_body_sends_headers_and_half(simulator):
    simulator.fault("erin", "stall_body")
    wire = simulator.raw_post("erin", "NoFactor5")
    wire.settimeout(0.4)
    got = b""
    with pytest.raises(TimeoutError):
        while True:
            piece = wire.recv(65536)
            assert piece, "closed in place of stalled"
            got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(re.search(rb"Content-Length: (\d+)", head)[1])
    assert len(body) == length // 2
    wire.close()


@pytest.mark.parametrize("fault", ["reset", "reset_body"])
def test_reset_is_a_tcp_reset(simulator, fault):
    simulator.fault("erin", fault)
    wire = simulator.raw_post("erin", "NoFactor5")
    # Asked for no event, poll tells of errors only: an orderly end is none, a reset is.
    poll = select.poll()
    poll.register(wire, 0)
    events = poll.poll(PATIENCE * 1000)
    assert events and events[0][1] & select.POLLERR, "no reset"
    wire.close()


def test_truncate_promises_more_than_it_sends(simulator):
    simulator.fault("erin", "truncate")
    with pytest.raises(http.client.IncompleteRead) as incomplete:
        simulator.password("erin", "NoFactor5")
    assert incomplete.value.expected == 1000
    assert json.loads(incomplete.value.partial)["access"]["user"]["name"] == "erin"


def test_close_ends_without_a_byte(simulator):
    simulator.fault("erin", "close")
    with pytest.raises(http.client.RemoteDisconnected):
        simulator.password("erin", "NoFactor5")


@pytest.mark.parametrize("fault, wanted", [
    ("not_http", b"SSH-2.0-"), ("truncate_header", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Le"),
    ("header_nul", b"abc\0def"), ("header_folded", b"OS-MF\r\n sessionId="), ("many_headers", b"X-Filler-19999: filler"),
])
def test_raw_bytes_in_place_of_a_reply(simulator, fault, wanted):
    simulator.fault("erin", fault)
    wire = simulator.raw_post("erin", "NoFactor5")
    assert wanted in read_all(wire)
    wire.close()


def test_huge_is_as_large_as_asked(simulator):
    simulator.fault("erin", "huge", bytes=20_000_000)
    _, body = simulator.password("erin", "NoFactor5")
    assert len(json.loads(body)["access"]) == 20_000_000


def test_endless_goes_on(simulator):
    simulator.fault("erin", "endless")
    wire = simulator.raw_post("erin", "NoFactor5")
    left = 30_000_000
    while left > 0:
        piece = wire.recv(1 << 20)
        assert piece
        left -= len(piece)
    wire.close()


def test_deep_nests(simulator):
    simulator.fault("erin", "deep")
    _, body = simulator.password("erin", "NoFactor5")
    assert body.count(b"[") == 100_000


def test_huge_session_arrives_whole(simulator):
    simulator.fault("alice", "challenge_huge_session")
    reply = read_head(simulator.raw_post("alice", "Wonderland1"))
    assert b"sessionId='" + b"S" * 60_000 + b"', factor=" in reply


def read_head(wire):
    got = b""
    while b"\r\n\r\n" not in got:
        piece = wire.recv(65536)
        assert piece
        got += piece
    wire.close()
    return got


def test_every_fault_leaves_the_simulator_alive(simulator):
    for kind in simulator.control("GET", "/faults")["faults"]:
        if kind["name"] in ("trickle", "huge", "slow"):
            continue
        for user, password in (("erin", "NoFactor5"), ("alice", "Wonderland1")):
            simulator.fault(user, kind["name"])
            wire = simulator.raw_post(user, password)
            wire.settimeout(0.05)
            try:
                wire.recv(65536)
            except (TimeoutError, ConnectionError, ssl.SSLError):
                pass
            wire.close()
            simulator.wait_for_line(
                lambda line, at=(user, kind["name"]): (line["user"], line["fault"]) == at)
    simulator.control("POST", "/reset")
    assert simulator.password("erin", "NoFactor5")[0].status == 200


# --- the program ---------------------------------------------------------------------------------------


def test_stops_cleanly_with_connections_stalled_and_delayed(start):
    simulator = start()
    simulator.fault("erin", "stall")
    simulator.fault("alice", "slow", ms=60_000)
    simulator.fault("bob", "stall_body")
    simulator.fault("carol", "trickle", ms=60_000)
    wires = [simulator.raw_post(*who) for who in (("erin", "NoFactor5"), ("alice", "Wonderland1"),
                                                  ("bob", "Builder22"), ("carol", "Christmas3"))]
    deadline = time.monotonic() + PATIENCE
    while len(simulator.log_file.read_text().splitlines()) < len(wires):
        assert time.monotonic() < deadline
    assert simulator.stop() == 0
    for wire in wires:
        wire.close()


def test_ready_files_hold_the_ports(start, tmp_path):
    simulator = start()
    deadline = time.monotonic() + PATIENCE
    while not (tmp_path / "port").exists():
        assert time.monotonic() < deadline
    assert int((tmp_path / "port").read_text()) == simulator.port
    assert int((tmp_path / "control-port").read_text()) == simulator.control_port
    assert simulator.stop() == 0


@pytest.mark.parametrize("which, complaint", [
    ("foreign", "self-signed certificate in certificate chain|unable to get local issuer certificate"),
    ("wrong-host", "IP address mismatch"),
    ("expired", "certificate has expired"),
])
def test_wrong_certificates_are_wrong(start, which, complaint):
    simulator = start("--serve", which)
    with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
        simulator.password("erin", "NoFactor5")
    assert simulator.stop() == 0


def test_curl_accepts_the_certificate_by_name_and_pin(start, tmp_path):
    simulator = start()
    pin = (tmp_path / "certs/server.pin").read_text().strip()

    def curl(host, wanted_pin):
        return subprocess.run(
            ["curl", "-sS", "-o", os.devnull, "-w", "%{http_code}", "--cacert", str(tmp_path / "certs/ca.pem"),
             "--pinnedpubkey", wanted_pin, "--resolve", f"identity.test:{simulator.port}:127.0.0.1",
             f"https://{host}:{simulator.port}/v2.0/tokens/x"], capture_output=True, text=True, check=False)

    for host in ("localhost", "127.0.0.1", "identity.test"):
        assert curl(host, pin).stdout == "401"
    assert curl("localhost", "sha256//" + "A" * 43 + "=").returncode == 90
    assert simulator.stop() == 0


def test_an_older_tls_by_priority_string(start):
    simulator = start("--tls-priorities", "NORMAL:-VERS-ALL:+VERS-TLS1.2")
    assert simulator.password("erin", "NoFactor5")[0].status == 200
    assert simulator.log()[-1]["tls"] == "TLS1.2"
    assert simulator.stop() == 0


def test_switches_at_the_start(start):
    simulator = start("--switches", '{"factor_word":"PUSH"}')
    reply, _ = simulator.password("bob", "Builder22")
    assert reply.getheader("WWW-Authenticate").endswith("factor='PUSH'")
    assert simulator.stop() == 0


@pytest.mark.parametrize("options, complaint", [
    (["--plain-http"], "--users FILE is wanted"),
    (["--users", "no-such-file", "--plain-http"], "cannot read no-such-file"),
    (["--users", str(HERE / "users.example.json")], "--cert and --key"),
    (["--users", str(HERE / "users.example.json"), "--plain-http", "--listen", "nowhere"], "HOST:PORT"),
])
def test_bad_usage_says_why(options, complaint):
    got = subprocess.run([binary(), *options], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert got.returncode != 0
    assert complaint in got.stderr
