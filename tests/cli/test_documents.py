# SPDX-License-Identifier: Apache-2.0
"""Help, completion and man pages say what the program does, all of it."""

import re
import subprocess

import pytest

from conftest import TOP

MAN = TOP / "docs/man"
PAGES = ["raxauth.1.scd", "raxauthd.8.scd", "org.raxauth.Auth1.5.scd"]


def verbs(around):
    """As the program itself names them."""
    text = around.run("--help").stdout
    lines = text.split("\n\n")[2].splitlines()
    first = {verb for line in lines
             for verb in re.match(r"  ([a-z, -]+?)(?= {2,}| [A-Z\[])", line)[1].split(", ")}
    return first | {deeper for verb in first for deeper in verbs_of(around, verb)}


def verbs_of(around, verb):
    text = around.run(*verb.split(), "--help").stdout
    _, _, listed = text.partition("\nSubcommands:\n")
    for name in re.findall(r"^  (\w[\w-]*)", listed, re.MULTILINE):
        yield f"{verb} {name}"
        yield from verbs_of(around, f"{verb} {name}")


def options(around, verb):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", around.run(*verb.split(), "--help").stdout))


def page(name):
    return (MAN / name).read_text()


def words(table):
    text = (TOP / "common/verdict.cpp").read_text()
    return [word for word in re.findall(rf'\{{{table}::\w+, "([a-z-]*)"\}}', text) if word]


def complete(*typed):
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _raxauth; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    result = subprocess.run(
        ["bash", "-c", script, "bash", TOP / "cli/raxauth.bash-completion", "raxauth", *typed],
        capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_help_fits_a_screen(bare):
    result = bare.run("--help")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80


def test_every_verb_has_help_that_fits_a_screen(bare):
    found = verbs(bare)
    assert {"token", "setup sshd", "mfa domain set", "devices remove"} <= found
    assert len(found) >= 20
    for verb in found:
        result = bare.run(*verb.split(), "--help")
        assert result.returncode == 0, verb
        assert f"raxauth {verb}" in result.stdout
        lines = result.stdout.splitlines()
        assert len(lines) <= 24 and max(map(len, lines)) <= 80, verb


def test_the_version_is_printed(bare):
    assert re.fullmatch(r"raxauth \d+\.\d+\.\d+\n", bare.run("--version").stdout)


def test_completion_knows_every_verb(bare):
    assert complete("") == {verb.split()[0] for verb in verbs(bare)} | {"--help", "--version"}


def test_completion_knows_every_option(bare):
    for verb in verbs(bare):
        found = options(bare, verb)
        assert complete(*verb.split(), "-") == found, verb


def test_the_completion_of_fish_knows_every_verb_and_option(bare):
    text = (TOP / "cli/raxauth.fish-completion").read_text()
    for verb in verbs(bare):
        assert re.search(rf"[' ]{re.escape(verb.split()[-1])}[' \n]", text), verb
        for option in options(bare, verb):
            assert f"-l {option[2:]} " in text, option


def test_completion_narrows_down():
    assert complete("log") == {"login", "logout"}
    assert complete("setup", "s") == {"sshd"}
    assert complete("setup", "--domain", "12", "--und") == {"--undo"}
    assert complete("limits", "r") == {"reset"}
    assert "root" in complete("limits", "reset", "roo")
    assert complete("mfa", "d") == {"default", "disable", "domain"}
    assert complete("mfa", "domain", "s") == {"set", "show"}
    assert complete("mfa", "domain", "set", "o") == {"optional"}
    assert complete("mfa", "require", "bob", "re") == {"required"}
    assert complete("mfa", "--stdin", "default", "o") == {"otp"}
    assert complete("enrol", "s") == {"sms"}
    assert complete("devices", "r") == {"remove"}
    assert "root" in complete("flush", "roo")


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_good_scdoc(name):
    subprocess.run(["scdoc"], input=page(name), text=True, check=True, stdout=subprocess.DEVNULL)


def test_the_page_explains_every_verb_and_option(bare):
    text = page("raxauth.1.scd")
    for verb in verbs(bare):
        assert f"*{verb}*" in text, verb
        for option in options(bare, verb):
            assert option in text, option


@pytest.mark.parametrize("table", ["State", "Reason"])
def test_every_verdict_and_reason_is_explained(table):
    found = words(table)
    assert len(found) >= 8
    text = page("raxauthd.8.scd")
    for word in found:
        assert re.search(rf"^\*{word}\*$", text, re.MULTILINE), word


def test_every_member_key_and_error_of_the_bus_is_explained():
    text = page("org.raxauth.Auth1.5.scd")
    names = []
    for header in ("common/bus_contract.h", "common/bus_keys.h"):
        source = (TOP / header).read_text()
        names += re.findall(r'inline constexpr const char\* k\w+(?<!Signature) = "([^"]+)"', source)
    vtable = (TOP / "daemon/bus/vtable.cpp").read_text()
    names += re.findall(r'SD_BUS_PROPERTY\("(\w+)"', vtable)
    assert len(names) > 100
    for name in set(names):
        if not name.startswith(("unix:", "RAXAUTH_")):  # our places, and PAM's environment
            assert name.removeprefix("org.raxauth.Auth1.Error.") in text, name


def test_every_journal_field_is_explained():
    journal = (TOP / "daemon/journal/journal.cpp").read_text()
    fields = set(re.findall(r'"(RAXAUTH_[A-Z_]+)"', journal))
    assert len(fields) >= 11
    for field in fields:
        assert field.replace("_", "\\_") in page("raxauthd.8.scd"), field


def test_every_option_of_the_daemon_is_explained():
    main = (TOP / "daemon/main.cpp").read_text()
    options = set(re.findall(r'\{"([a-z-]+)", (?:no|required)_argument', main))
    assert len(options) >= 5
    for option in options:
        assert f"*--{option}*" in page("raxauthd.8.scd"), option


def test_the_guide_quotes_what_is_really_said():
    page = (TOP / "docs/guide/troubleshooting.md").read_text()
    sources = "".join(path.read_text() for folder in ("daemon", "cli", "pam", "packaging")
                      for path in (TOP / folder).rglob("*") if path.is_file())
    said = " ".join(re.sub(r'"\s*\n\s*"', "", sources).split())
    quotes = re.findall(r'^\*\*[^*"]*"([^"]+)"', page, re.MULTILINE)
    assert len(quotes) >= 20
    # of sshd and sudo, and one that is put together of three parts
    others = ("Permission denied", "user@host", "Sorry", "found Permission denied")
    for quote in quotes:
        if not quote.startswith(others):
            # names and numbers are filled in: the longest run of plain words has to be there
            parts = re.split(r"\d[\d:]*|Rackspace(?: Identity)?|\[services\.ssh\]|alice", quote)
            longest = max(parts, key=len).strip(" .,;:")
            assert longest in said, longest


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md",
                                  "docs/architecture.md", "docs/identity-v2.md",
                                  "docs/pam-applications.md",
                                  *sorted(str(page.relative_to(TOP))
                                          for page in (TOP / "docs/guide").glob("*.md"))])
def test_every_file_that_a_document_names_is_there(name):
    text = (TOP / name).read_text()
    folders = "common|pam|daemon|cli|etc|systemd|packaging|tests|docs|cmake|\\.ci"
    named = set(re.findall(rf"`((?:{folders})/[\w./-]*)`", text))
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        named.add(str(((TOP / name).parent / target).resolve().relative_to(TOP)))
    missing = {path for path in named if not (TOP / path).exists() and "NAME" not in path}
    assert not missing
