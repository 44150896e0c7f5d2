# SPDX-License-Identifier: Apache-2.0
"""The Identity simulator of a host: its people, its control interface, what it was asked."""

import contextlib
import ctypes
import http.client
import json
import os
import re
import socket
import threading

PORT, CONTROL_PORT = 8443, 8444
PLACE = "/srv/identity"
DOMAIN = "123456"
OTP_SECRETS = {"bob": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "carol": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}
BYPASS_CODE = "778899001"
CLONE_NEWNET = 0x40000000

# The simulator's faults, by what must come of them (`raxauth-identity-sim` lists what each does).
# No reply that could be used, at either step:
BROKEN = ["stall", "stall_body", "reset", "reset_body", "truncate", "close", "not_http",
          "truncate_header", "header_nul", "many_headers", "endless", "huge", "garbage", "html",
          "deep", "redirect", "redirect_self", "empty_object", "throttle"]
# A first reply that is no challenge after all:
NO_CHALLENGE = ["challenge_no_session", "challenge_empty_session", "challenge_huge_session",
                "challenge_open_quote", "challenge_other_scheme", "challenge_controls",
                "challenge_bare", "challenge_missing", "challenge_400", "challenge_403"]
# A last reply that looks like a yes and is none:
LIES = ["wrong_user", "wrong_domain", "no_user", "no_user_id", "no_user_name", "password_only",
        "passcode_only", "no_proof", "proof_text", "proof_odd", "impersonated", "no_token",
        "no_token_id", "empty_token_id", "number_token_id", "odd_token_id", "huge_token_id",
        "expired", "no_expires", "bad_expires", "token_in_401", "created",
        "duplicate_keys", "no_body"]
# Odd, but honest:
HARMLESS = ["slow", "upper_case_user", "proof_lower_case", "challenge_double_quotes",
            "challenge_no_quotes", "challenge_reordered", "challenge_lower_case",
            "challenge_spacing", "challenge_keystone_first", "challenge_comma_joined",
            "challenge_two", "challenge_unknown_factor", "challenge_no_factor", "escapes",
            "long_message", "odd_message"]
# To be survived, whichever way they are read:
UNDECIDED = ["no_access", "trickle", "header_folded", "wrong_type", "no_roles", "ok_with_challenge",
             "ok_status", "challenge_duplicate_session", "challenge_text"]
ALL_FAULTS = BROKEN + NO_CHALLENGE + LIES + HARMLESS + UNDECIDED


def people(crowd):
    """The users file: everybody in DOMAIN but for `ivan`, second factor by SMS unless said."""
    def person(name, **more):
        user = {"name": name, "password": password(name), "domain_id": DOMAIN, "tenant_id": DOMAIN,
                "roles": [{"id": "3", "name": "identity:user-admin"},
                          {"id": "6", "name": "compute:default", "tenantId": DOMAIN}]}
        if "mfa" not in more:
            user |= {"mfa": "sms", "phone": "+1 512-555-0100"}
        return user | more

    users = [person(n) for n in ("alice", "judy", "kate", "leo", "mallory", "peggy", *crowd)]
    users += [
        person("bob", mfa="otp", otp_secret=OTP_SECRETS["bob"]),
        person("carol", mfa="otp", otp_secret=OTP_SECRETS["carol"], bypass_codes=[BYPASS_CODE]),
        person("dave", disabled=True),
        person("erin", locked=True),
        person("frank", mfa="none", mfa_required=True),
        person("grace", password_expired=True),
        person("heidi", mfa="none", enforcement="OPTIONAL"),
        person("ivan", domain_id="999999", tenant_id="999999"),
    ]
    return {"domains": {DOMAIN: {"enforcement": "OPTIONAL"}}, "users": users}


def password(name):
    """What NAME's password at Rackspace is."""
    return f"Rackspace-{name}-9"


@contextlib.contextmanager
def network_of(pid):
    """Sockets made in the block (by this thread) belong to the network of process PID."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(handle):
        if libc.setns(handle, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        enter(there)
        try:
            yield
        finally:
            enter(home)
    finally:
        os.close(home)
        os.close(there)


class Identity:
    """Rackspace Identity as the host sees it, and the phones and authenticators of its people."""

    def __init__(self, host, crowd=()):
        self.host = host
        self._crowd = crowd
        self._service = None
        self._seen = 0  # bytes of the request log that belong to before the last reset
        self._lock = threading.Lock()
        self._control = None
        place = host.path(PLACE)
        place.mkdir(mode=0o755)
        (place / "users.json").write_text(json.dumps(people(crowd)))
        self._log_path = place / "requests.jsonl"
        self._log_path.touch()
        self.start()

    # -- life

    def start(self):
        tool = self.host.build / "tests/simulator/raxauth-identity-sim"
        self._service = self.host.service(
            [tool, "--users", f"{PLACE}/users.json", "--make-certs", f"{PLACE}/tls",
             "--listen", f"127.0.0.1:{PORT}", "--control", f"127.0.0.1:{CONTROL_PORT}",
             "--log", f"{PLACE}/requests.jsonl", "--outbox", f"{PLACE}/outbox.jsonl"],
            self._wait_for_port, "identity")
        self._service.start()
        self.running = True

    @staticmethod
    def _wait_for_port(process):
        for line in process.stdout:
            if line.startswith(b"listening on"):
                return
        raise RuntimeError("the Identity simulator did not start")

    def stop(self):
        """Nobody answers any more."""
        self._service.stop()
        self.running = False

    def reset(self):
        """People, tokens, switches, clock as at the start; the log of requests begins anew."""
        if not self.running:
            self.start()
        self._ask("POST", "/reset")
        self._ask("DELETE", "/requests")
        self._ask("DELETE", "/outbox")
        self._seen = self._log_path.stat().st_size

    # -- what the host is told about it

    def url_of(self, name):
        return f"https://{name}:{PORT}/v2.0"

    def settings(self):
        return {"identity": {"url": self.url_of("localhost"), "ca_file": f"{PLACE}/tls/ca.pem"},
                "access": {"domains": [DOMAIN]}}

    # -- its people

    password = staticmethod(password)

    def tenant(self, _user):
        return DOMAIN

    def messages(self, user=None):
        """The text messages sent (to USER), oldest first."""
        return self._ask("GET", f"/outbox?user={user}" if user else "/outbox")["messages"]

    def sms(self, user):
        """The code in the newest text message to USER."""
        messages = self.messages(user)
        assert messages, f"no text message was ever sent to {user}\n{self.story()}"
        return re.findall(r"\d{4,}", messages[-1]["text"])[-1]

    def sms_count(self, user=None):
        """How many text messages were sent (to USER)."""
        return len(self.messages(user))

    def totp(self, user):
        """What USER's authenticator shows now."""
        return self._ask("GET", f"/otp/{user}")["codes"][0]["code"]

    def bypass_code(self, user):
        return self._ask("GET", f"/users/{user}")["bypass_codes"][0]["code"]

    def wrong_code(self, user):
        """A passcode that is certainly not USER's."""
        return "0000000" if not self.sms_count(user) or self.sms(user) != "0000000" else "1111111"

    def account(self, user):
        """Everything Identity knows of USER, keys and PINs too."""
        return self._ask("GET", f"/users/{user}")

    def change(self, user, **members):
        self._ask("PUT", f"/users/{user}", members)

    def domain(self, **members):
        """Changes the domain that everybody is in."""
        self._ask("PUT", f"/domains/{DOMAIN}", members)

    def fault(self, user, name, **how):
        """From now on replies to USER are spoilt (NAME of ALL_FAULTS or http_NNN; "" for no more)."""
        self.change(user, fault={"name": name, **how} if name else None)

    def switch(self, **switches):
        self._ask("PUT", "/switches", switches)

    def latency(self, milliseconds):
        """Every reply comes so much later from now on, as from a distant server."""
        self._ask("PUT", "/latency", {"ms": milliseconds})

    def expire_sessions(self, user):
        """The two-step sessions of USER are over, as after five minutes."""
        return self._ask("POST", "/sessions/expire", {"user": user})["expired"]

    def revoke_all(self):
        """Every token dies, as when an administrator ends all sessions in the control panel."""
        return self._ask("POST", "/tokens/revoke")["revoked"]

    # -- what it was asked, and what it gave

    def requests(self):
        """The log of all requests since the last reset, oldest first."""
        if not os.path.exists(self._log_path):
            return []  # the host is down: a failed test shows what there is
        with open(self._log_path, "rb") as file:
            file.seek(self._seen)
            written = file.read()
        whole = written[:written.rfind(b"\n") + 1]  # the last line may be under way
        return [json.loads(line) for line in whole.splitlines() if line]

    def posts(self):
        """The sign-in requests: `step` says which of the two."""
        return [r for r in self.requests() if r["method"] == "POST" and r["path"] == "/v2.0/tokens"]

    def outcomes(self):
        """The statuses of the sign-in requests. (The daemon warms its connection with a GET of
        /v2.0, which asks nothing, and revokes tokens with DELETE.)"""
        return [r["status"] for r in self.posts()]

    def wait_for_post(self, count=1):
        """Waits until COUNT sign-in requests have arrived since the last reset."""
        self.host.wait_until(lambda: len(self.posts()) >= count, f"{count} requests of Identity")

    def issued_tokens(self, user=None):
        tokens = self._ask("GET", "/tokens")["tokens"]
        return [t for t in tokens if user is None or t["user"] == user]

    def live_tokens(self, user=None):
        return [t for t in self.issued_tokens(user) if t["state"] == "live"]

    def wait_for_no_live_tokens(self, timeout=5.0):
        """Revocation runs in the background: waits until no token is left."""
        self.host.wait_until(lambda: not self.live_tokens(), "every token is revoked", timeout)

    def story(self):
        """All requests as lines of text."""
        return "\n".join(
            f"{r['method']} {r['path']} {r['step']} user={r['user']} -> {r['status']} {r['outcome']}"
            + (f" (fault {r['fault']})" if r["fault"] else "") for r in self.requests())

    def fault_names(self):
        return [f["name"] for f in self._ask("GET", "/faults")["faults"]]

    def _ask(self, method, path, body=None):
        with self._lock:
            for last in (False, True):
                try:
                    if self._control is None:
                        self._control = self._connect()
                    self._control.request(method, path, None if body is None else json.dumps(body))
                    response = self._control.getresponse()
                    answer = json.loads(response.read())
                    break
                except (OSError, http.client.HTTPException):
                    self._control = None  # the simulator was started anew meanwhile
                    if last:
                        raise
        if response.status != 200:
            raise RuntimeError(f"{method} {path} of the simulator: {answer}")
        return answer

    def _connect(self):
        with network_of(self.host.pid):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(20)
        sock.connect(("127.0.0.1", CONTROL_PORT))
        connection = http.client.HTTPConnection("127.0.0.1", CONTROL_PORT)
        connection.sock = sock
        return connection
