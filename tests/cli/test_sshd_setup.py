# SPDX-License-Identifier: Apache-2.0
"""setup sshd with the real sshd, in a mount namespace: /run is another one there."""

import os
import subprocess

import pytest

from conftest import TOP

OURS = (TOP / "etc/50-raxauth-sshd.conf").read_text()
NAME = "01-raxauth.conf"
STOCK = """Include {ssh}/sshd_config.d/*.conf
HostKey {ssh}/key
KbdInteractiveAuthentication no
UsePAM yes
"""


@pytest.fixture
def ssh(bare):
    assert os.geteuid() == 0, "these tests make a mount namespace"
    (bare.folder / "ssh/sshd_config.d").mkdir(parents=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", bare.folder / "ssh/key"],
                   check=True)
    bare.write("ssh/sshd_config", STOCK.format(ssh=bare.folder / "ssh"))
    bare.write("systemctl", f'#!/bin/sh\necho "$@" >>{bare.folder}/reloads\n', mode=0o755)
    bare.environment.update(
        ELSEWHERE_SSHD=str(bare.folder / "ssh"), ELSEWHERE_SYSTEMCTL=str(bare.folder / "systemctl"),
        ELSEWHERE_SSHD_SOURCE=str(TOP / "etc/50-raxauth-sshd.conf"))
    return bare


def set_up(around, *options):
    return subprocess.run(
        ["unshare", "--mount", "/bin/sh", "-c",
         'mount -t tmpfs tmpfs /run && exec "$@"', "sh", around.program, "setup", "sshd", *options],
        env=around.environment, capture_output=True, text=True, timeout=60, check=False)


def drop_ins(around):
    return {path.name: path.read_text()
            for path in (around.folder / "ssh/sshd_config.d").iterdir()}


def reloads(around):
    log = around.folder / "reloads"
    return log.read_text().splitlines() if log.exists() else []


def test_a_stock_sshd_is_set_up(ssh):
    result = set_up(ssh)
    assert (result.returncode, result.stderr) == (0, "")
    assert drop_ins(ssh) == {NAME: OURS}
    assert (ssh.folder / "ssh/sshd_config.d" / NAME).stat().st_mode & 0o777 == 0o644
    assert "systemctl reload ssh" in result.stdout
    assert reloads(ssh) == []


def test_it_may_be_done_twice(ssh):
    set_up(ssh)
    before = (ssh.folder / "ssh/sshd_config.d" / NAME).stat()
    result = set_up(ssh)
    assert result.returncode == 0 and "installed already" in result.stdout
    assert (ssh.folder / "ssh/sshd_config.d" / NAME).stat() == before


def test_sshd_is_reloaded_if_asked(ssh):
    result = set_up(ssh, "--reload")
    assert result.returncode == 0 and reloads(ssh) == ["reload ssh"]


def test_a_reload_that_fails_is_told(ssh):
    ssh.write("systemctl", "#!/bin/sh\necho no such unit\nexit 5\n", mode=0o755)
    result = set_up(ssh, "--reload")
    assert result.returncode == 1 and "no such unit" in result.stderr
    assert drop_ins(ssh) == {NAME: OURS}


@pytest.mark.parametrize("keyword, value", [
    ("PasswordAuthentication", "yes"), ("KbdInteractiveAuthentication", "no"),
    ("ChallengeResponseAuthentication", "no"), ("usepam", "no"),
])
def test_an_earlier_file_that_overrides_is_named_and_nothing_changes(ssh, keyword, value):
    ssh.write("ssh/sshd_config.d/00-image.conf", f"# from the image\n{keyword} {value}\n")
    result = set_up(ssh, "--reload")
    assert result.returncode == 1
    assert f"00-image.conf:2 says {value}" in result.stderr
    assert "Nothing was changed." in result.stderr
    assert list(drop_ins(ssh)) == ["00-image.conf"]
    assert reloads(ssh) == []


def test_a_line_above_the_include_is_named(ssh):
    text = STOCK.format(ssh=ssh.folder / "ssh")
    ssh.write("ssh/sshd_config", "PasswordAuthentication yes\n" + text)
    result = set_up(ssh)
    assert result.returncode == 1 and "sshd_config:1 says yes" in result.stderr
    assert drop_ins(ssh) == {}


def test_drop_ins_that_are_not_included_are_noticed(ssh):
    text = STOCK.format(ssh=ssh.folder / "ssh").split("\n", 1)[1]
    ssh.write("ssh/sshd_config", text.replace("KbdInteractiveAuthentication no\n", ""))
    result = set_up(ssh)
    assert result.returncode == 1 and 'begin with "Include ' in result.stderr
    assert drop_ins(ssh) == {}


def test_a_later_file_does_not_matter(ssh):
    ssh.write("ssh/sshd_config.d/90-late.conf", "PasswordAuthentication yes\n")
    assert set_up(ssh).returncode == 0


def test_a_broken_sshd_is_left_alone(ssh):
    ssh.write("ssh/sshd_config.d/90-broken.conf", "Nonsense yes\n")
    result = set_up(ssh)
    assert result.returncode == 1
    assert "90-broken.conf" in result.stderr and "Correct that first" in result.stderr
    assert list(drop_ins(ssh)) == ["90-broken.conf"]


def test_a_drop_in_that_sshd_refuses_is_taken_away_again(ssh):
    ssh.environment["ELSEWHERE_SSHD_SOURCE"] = str(ssh.write("source", OURS + "Nonsense yes\n"))
    result = set_up(ssh)
    assert result.returncode == 1 and "Nonsense" in result.stderr
    assert drop_ins(ssh) == {}


def test_what_somebody_else_wrote_is_kept(ssh):
    ssh.write(f"ssh/sshd_config.d/{NAME}", "LoginGraceTime 60\n")
    result = set_up(ssh)
    assert result.returncode == 1 and "--replace" in result.stderr
    assert drop_ins(ssh) == {NAME: "LoginGraceTime 60\n"}


def test_replacing_keeps_the_former_one_and_says_so(ssh):
    ssh.write(f"ssh/sshd_config.d/{NAME}", "LoginGraceTime 60\n")
    result = set_up(ssh, "--replace")
    assert result.returncode == 0 and ".old" in result.stdout
    assert drop_ins(ssh) == {NAME: OURS, NAME + ".old": "LoginGraceTime 60\n"}


def test_a_replacement_that_sshd_refuses_is_undone(ssh):
    ssh.write(f"ssh/sshd_config.d/{NAME}", "LoginGraceTime 60\n")
    ssh.environment["ELSEWHERE_SSHD_SOURCE"] = str(ssh.write("source", "Nonsense yes\n"))
    result = set_up(ssh, "--replace")
    assert result.returncode == 1
    assert drop_ins(ssh) == {NAME: "LoginGraceTime 60\n"}


def test_a_link_in_its_place_is_not_followed(ssh):
    ssh.write("elsewhere", "precious\n")
    (ssh.folder / "ssh/sshd_config.d" / NAME).symlink_to(ssh.folder / "elsewhere")
    assert set_up(ssh, "--replace").returncode == 1
    assert (ssh.folder / "elsewhere").read_text() == "precious\n"


def test_a_short_grace_time_is_a_warning(ssh):
    ssh.write("ssh/sshd_config.d/00-grace.conf", "LoginGraceTime 60\n")
    result = set_up(ssh)
    assert result.returncode == 0 and "LoginGraceTime is 60 s" in result.stderr


def test_no_grace_time_is_none_too_short(ssh):
    ssh.write("ssh/sshd_config.d/00-grace.conf", "LoginGraceTime 0\n")
    assert set_up(ssh).stderr == ""


def test_passwords_in_a_match_block_are_a_warning(ssh):
    with open(ssh.folder / "ssh/sshd_config", "a", encoding="ascii") as file:
        file.write("Match User backup\n  PasswordAuthentication yes\n")
    result = set_up(ssh)
    assert result.returncode == 0 and "sshd_config:6 allows" in result.stderr


def test_it_is_for_root(ssh):
    result = ssh.run("setup", "sshd")
    assert result.returncode == 1 and "sudo raxauth setup sshd" in result.stderr
    assert drop_ins(ssh) == {}


def test_nothing_temporary_is_left(ssh):
    set_up(ssh)
    ssh.write("ssh/sshd_config.d/00-image.conf", "PasswordAuthentication yes\n")
    set_up(ssh, "--replace")
    assert set(drop_ins(ssh)) == {NAME, "00-image.conf"}


def test_what_cloud_init_writes_does_not_override(ssh):
    ssh.write("ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n")
    assert set_up(ssh).returncode == 0


def test_the_drop_in_under_its_former_name_is_replaced(ssh):
    ssh.write("ssh/sshd_config.d/50-raxauth-sshd.conf", OURS)
    assert set_up(ssh).returncode == 0
    assert set(drop_ins(ssh)) == {NAME}


def test_it_is_taken_away_again(ssh):
    set_up(ssh)
    ssh.write("ssh/sshd_config.d/50-raxauth-sshd.conf", OURS)
    result = set_up(ssh, "--remove", "--reload")
    assert result.returncode == 0 and drop_ins(ssh) == {} and reloads(ssh) == ["reload ssh"]
    again = set_up(ssh, "--remove", "--reload")
    assert again.returncode == 0 and reloads(ssh) == ["reload ssh"]


def test_one_that_was_changed_by_hand_is_kept_where_sshd_does_not_look(ssh):
    ssh.write(f"ssh/sshd_config.d/{NAME}", OURS + "LoginGraceTime 60\n")
    result = set_up(ssh, "--remove")
    assert result.returncode == 0 and "changed by hand" in result.stdout
    assert drop_ins(ssh) == {NAME + ".old": OURS + "LoginGraceTime 60\n"}
