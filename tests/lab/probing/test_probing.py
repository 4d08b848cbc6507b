"""Our own servers are clean, and made gullible they are found out, for every protocol."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from tests.lab.probing.bench import (
    collected,
    gullibly,
    listening,
    remembering,
    results,
    tried,
    tried_at_once,
    tried_on_ours,
)
from unstrip.lab.loopback import NotLoopback
from unstrip.lab.probing import SUBJECTS, Result, Untestable, attempts
from unstrip.protocols import REGISTRY
from unstrip.wire import Wire

# a server that lets nobody in has nothing to say to a viewer that came too early
TALKATIVE = sorted(set(SUBJECTS) - {"rfb"})
every_protocol = pytest.mark.parametrize("protocol", SUBJECTS)


@pytest.fixture(scope="module")
def on_ours(authority):
    return tried_at_once({name: partial(tried_on_ours, authority, name) for name in SUBJECTS})


@pytest.fixture(scope="module")
def on_gullible(authority):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Wire, "accept_tls", gullibly)
        return tried_at_once({name: partial(tried_on_ours, authority, name) for name in TALKATIVE})


def test_there_is_a_way_to_test_every_protocol():
    assert set(SUBJECTS) == set(REGISTRY)


@every_protocol
def test_our_own_server_side_withstands_everything(protocol, on_ours):
    trials = on_ours[protocol]
    assert {trial.result for trial in trials} == {Result.CLEAN}, trials
    assert len(trials) == len(list(attempts(SUBJECTS[protocol])))


@pytest.mark.parametrize("protocol", TALKATIVE)
def test_a_server_that_keeps_what_came_early_is_found_out(protocol, on_gullible):
    trials = on_gullible[protocol]
    found = results(trials)
    assert found[SUBJECTS[protocol].number] == {Result.VULNERABLE}, trials
    if SUBJECTS[protocol].cut:
        assert found["B-04"] == {Result.VULNERABLE}
        assert Result.VULNERABLE in found["B-05"]
    assert all(trial.proof for trial in trials if trial.result is Result.VULNERABLE)
    assert all(not trial.proof for trial in trials if trial.result is not Result.VULNERABLE)


def smtp(said, memory):
    match said.split()[0]:
        case "EHLO":
            return "250-a server\r\n250 STARTTLS\r\n"
        case "STARTTLS":
            return "220 go\r\n"
        case "NOOP":
            return "250 ok\r\n"
        case "MAIL":
            return "250 ok\r\n" if "EHLO" in memory else "503 say EHLO\r\n"
        case "RCPT":
            return "250 ok\r\n" if "MAIL" in memory else "503 say MAIL\r\n"
        case "AUTH":
            return "503 again?\r\n" if "AUTH" in memory else "235 welcome\r\n"
    return "221 bye\r\n" if said == "QUIT" else "500 what\r\n"


def imap(said, memory):
    tag, verb = said.split()[:2]
    match verb:
        case "CAPABILITY":
            return f"* CAPABILITY IMAP4rev1 STARTTLS\r\n{tag} OK done\r\n"
        case "STATUS":
            return f"{tag} {'OK here' if 'LOGIN' in memory else 'BAD who'}\r\n"
        case "LOGOUT":
            return f"* BYE bye\r\n{tag} OK bye\r\n"
    return f"{tag} OK done\r\n"


def pop3(said, memory):
    match said.split()[0]:
        case "CAPA":
            return "+OK list\r\nSTLS\r\n.\r\n"
        case "USER" | "STLS" | "QUIT":
            return "+OK\r\n"
        case "PASS" if "USER" not in memory:
            return "-ERR who are you\r\n"
        case "PASS":
            return "+OK\r\n" if said.endswith("secret") else "-ERR wrong\r\n"
        case "STAT":
            return "+OK 0 0\r\n" if "PASS" in memory else "-ERR log in\r\n"
    return "-ERR what\r\n"


def ftp(said, memory):
    match said.split()[0]:
        case "FEAT":
            return "211-list\r\n AUTH TLS\r\n211 end\r\n"
        case "AUTH":
            return "234 go\r\n"
        case "USER":
            return "331 and your name\r\n"
        case "PASS":
            return "230 welcome\r\n" if "USER" in memory else "503 say USER\r\n"
        case "PBSZ":
            return "200 ok\r\n"
        case "PROT":
            return "200 ok\r\n" if "PBSZ" in memory else "503 say PBSZ\r\n"
    return "221 bye\r\n" if said == "QUIT" else "500 what\r\n"


def irc(said, memory):
    nick = "unstrip" if "NICK" in memory else "*"
    match said.split()[:2]:
        case ["CAP", "LS"]:
            return f":s CAP {nick} LS :tls\r\n"
        case ["CAP", "LIST"]:
            return f":s CAP {nick} LIST :\r\n"
        case ["CAP", "REQ"]:
            return f":s CAP {nick} NAK :unstrip/probe\r\n"
        case ["STARTTLS"]:
            return f":s 670 {nick} :go\r\n"
        case ["QUIT"]:
            return "ERROR :bye\r\n"
    return ""


STATES = {
    "T-08": ("smtp", smtp, "220 a server\r\n"),
    "T-09": ("smtp", smtp, "220 a server\r\n"),
    "T-09 of IRC": ("irc", irc, ""),
    "T-10": ("pop3", pop3, "+OK a server\r\n"),
    "T-11": ("ftp", ftp, "220 a server\r\n"),
}


LOGINS = {
    "smtp": ("smtp", smtp, "220 a\r\n"),
    "imap": ("imap", imap, "* OK a\r\n"),
    "pop3": ("pop3", pop3, "+OK a\r\n"),
}
keeping_or_not = pytest.mark.parametrize("keeps", [True, False])


async def tried_on_remembering(authority, kind, keeps, **options):
    protocol, answers, greeting = kind
    server = partial(remembering, answers, greeting, keeps=keeps)
    async with listening(lambda wire: server(wire=wire), authority.context("localhost")) as at:
        return await collected(protocol, at, **options)


def tried_on_all(authority, kinds, **options):
    """What came of each of these servers, as it keeps its state and as it does not."""
    return tried_at_once(
        {
            (name, keeps): partial(tried_on_remembering, authority, kind, keeps, **options)
            for name, kind in kinds.items()
            for keeps in (True, False)
        }
    )


@pytest.fixture(scope="module")
def on_states(authority):
    return tried_on_all(authority, STATES)


@pytest.fixture(scope="module")
def on_logins(authority):
    return tried_on_all(authority, LOGINS, login=("somebody", "secret"))


@keeping_or_not
@pytest.mark.parametrize("state", STATES)
def test_a_server_that_keeps_its_state_is_told_from_one_that_does_not(state, keeps, on_states):
    expected = Result.VULNERABLE if keeps else Result.CLEAN
    trials = on_states[state, keeps]
    assert results(trials)[state[:4]] == {expected}, trials


@keeping_or_not
@pytest.mark.parametrize("protocol", LOGINS)
def test_a_login_in_clear_that_counts_inside_is_found(protocol, keeps, on_logins):
    expected = Result.VULNERABLE if keeps else Result.CLEAN
    trials = on_logins[protocol, keeps]
    assert results(trials)["T-07"] == {expected}, trials


def test_a_login_is_tried_only_with_an_account():
    numbers = {attempt.number for attempt in attempts(SUBJECTS["imap"])}
    assert "T-07" not in numbers
    with_login = {attempt.number for attempt in attempts(SUBJECTS["imap"], ("a", "b"))}
    assert with_login - numbers == {"T-07"}


def test_a_server_without_tls_is_no_clean_server(authority):
    with pytest.raises(Untestable, match="refused"):
        asyncio.run(tried_on_ours(authority, "smtp", offer=False))


def test_the_tester_stays_on_this_machine():
    async def main():
        return [one async for one in examine_elsewhere()]

    with pytest.raises(NotLoopback):
        asyncio.run(main())


def examine_elsewhere():
    from unstrip.lab.probing import examine

    return examine("smtp", "192.0.2.1", 25)


def test_a_server_that_is_not_there_is_an_error():
    with pytest.raises(ConnectionRefusedError):
        tried("smtp", 1)
