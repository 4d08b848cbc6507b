"""The protocols made of lines, as they are put to the test.

Most commands here do nothing and say so; what tells their answers from all others is a tag of
ours, a code, or a word.
"""

from __future__ import annotations

import base64
import re
from re import Pattern

from unstrip.lab.probing.attempt import HOST, LONG_HUSH, NAME, Result, State, Step, Subject

_TAGGED = re.compile(rb"(?m)^unstrip ((?:OK|NO|BAD)[^\r\n]*)")
_CODED = re.compile(rb"(?m)^([1-5][0-9][0-9])(?: [^\n]*)?\r?\n")
_MARKED = re.compile(rb"(?m)^((?:\+OK|-ERR)[^\r\n]*)\r?\n")
_SIEVED = re.compile(rb"(?m)^((?:OK|NO|BYE)[^\r\n]*)\r?\n")


def _step(say: bytes, answer: Pattern[bytes], success: bytes) -> Step:
    return Step(say + b"\r\n", answer, re.compile(success))


def _mail(hello: bytes) -> tuple[State, ...]:
    greet = _step(hello + b" " + NAME.encode(), _CODED, rb"250")
    mail = _step(b"MAIL FROM:<>", _CODED, rb"250")
    rcpt = _step(b"RCPT TO:<postmaster>", _CODED, rb"250")
    envelope = State(
        number="T-08",
        what="an envelope begun in clear",
        told=(mail,),
        anew=(greet, mail),
        shows=rcpt,
    )
    name = State(
        number="T-09",
        what=f"the name given by {hello.decode()} in clear",
        anew=(greet,),
        shows=mail,
        withheld=re.compile(rb"^%b " % hello),
        instead=b"NOOP\r\n",
        demands=re.compile(rb"530"),
    )
    return envelope, name


def _mail_login(name: str, password: str) -> State:
    plain = base64.b64encode(f"\0{name}\0{password}".encode())
    login = _step(b"AUTH PLAIN " + plain, _CODED, rb"235")
    greet = _step(b"EHLO " + NAME.encode(), _CODED, rb"250")
    return State(
        number="T-07",
        what="a login in clear",
        told=(login,),
        anew=(greet, login),
        shows=_step(b"AUTH PLAIN " + plain, _CODED, rb"(?!)"),
    )


def _imap_login(name: str, password: str) -> State:
    login = _step(f'unstrip LOGIN "{name}" "{password}"'.encode(), _TAGGED, rb"OK")
    shows = Step(
        b"unstrip STATUS INBOX (MESSAGES)\r\n",
        re.compile(rb"(?m)^unstrip (OK|NO|BAD)"),
        re.compile(rb"OK"),
    )
    return State(number="T-07", what="a login in clear", told=(login,), shows=shows)


def _pop3_login(name: str, password: str) -> State:
    user = _step(f"USER {name}".encode(), _MARKED, rb"\+OK")
    word = _step(f"PASS {password}".encode(), _MARKED, rb"\+OK")
    shows = Step(b"STAT\r\n", re.compile(rb"(?m)^(\+OK|-ERR)"), re.compile(rb"\+OK"))
    return State(number="T-07", what="a login in clear", told=(user, word), shows=shows)


_SMTP_ANSWER = re.compile(rb"(?m)^250 [^\n]*\n")
SMTP = Subject(
    protocol="smtp",
    command=b"NOOP\r\n",
    answer=_SMTP_ANSWER,
    question=b"NOOP\r\n",
    cut=2,
    states=_mail(b"EHLO"),
    login=_mail_login,
)
LMTP = Subject(
    protocol="lmtp",
    command=b"NOOP\r\n",
    answer=_SMTP_ANSWER,
    question=b"NOOP\r\n",
    cut=2,
    states=_mail(b"LHLO"),
)
IMAP = Subject(
    protocol="imap",
    command=b"unstrip NOOP\r\n",
    answer=re.compile(rb"(?m)^unstrip OK"),
    question=b"unstrip NOOP\r\n",
    cut=10,
    login=_imap_login,
)
POP3 = Subject(
    protocol="pop3",
    command=b"CAPA\r\n",
    answer=re.compile(rb"(?m)^\+OK[^\n]*\r\n(?:(?!\+OK|-ERR)[^\n]+\n)*?\.\r\n"),
    question=b"CAPA\r\n",
    cut=2,
    states=(
        State(
            number="T-10",
            what="a user named in clear",
            told=(_step(b"USER unstrip", _MARKED, rb"\+OK"),),
            shows=_step(b"PASS unstrip", _MARKED, rb"\+OK"),
            alike=Result.UNKNOWN,
        ),
    ),
    login=_pop3_login,
)
NNTP = Subject(
    protocol="nntp",
    command=b"CAPABILITIES\r\n",
    answer=re.compile(rb"(?m)^101[ \r]"),
    question=b"CAPABILITIES\r\n",
    cut=5,
    states=(
        State(
            number="T-10",
            what="a user named in clear",
            told=(_step(b"AUTHINFO USER unstrip", _CODED, rb"381"),),
            shows=_step(b"AUTHINFO PASS unstrip", _CODED, rb"281"),
            alike=Result.UNKNOWN,
        ),
    ),
)
FTP = Subject(
    protocol="ftp",
    command=b"FEAT\r\n",
    answer=re.compile(rb"(?m)^211 [^\n]*\n"),
    question=b"FEAT\r\n",
    cut=2,
    states=(
        State(
            number="T-11",
            what="a user named in clear",
            told=(_step(b"USER anonymous", _CODED, rb"331"),),
            shows=_step(b"PASS unstrip@localhost", _CODED, rb"230"),
            alike=Result.UNKNOWN,
        ),
        State(
            number="T-11",
            what="a buffer size agreed on in clear",
            told=(_step(b"PBSZ 0", _CODED, rb"200"),),
            shows=_step(b"PROT P", _CODED, rb"200"),
        ),
    ),
    relapse="F-FTP-7",
)
IRC = Subject(
    protocol="irc",
    command=b"CAP REQ :unstrip/probe\r\n",
    answer=re.compile(rb"(?m)^[^\r\n]* NAK :?unstrip/probe"),
    question=b"CAP REQ :unstrip/probe\r\n",
    cut=12,
    states=(
        State(
            number="T-09",
            what="a nickname given in clear",
            # nothing answers NICK but a refusal, so a question stands behind it
            told=(
                Step(
                    b"NICK unstrip\r\nCAP LIST\r\n",
                    re.compile(rb"(?s)((?:[^ \n]+ 4[0-9][0-9] |.* CAP [^\n]* LIST )[^\n]*)\n"),
                    re.compile(rb"(?s)(?!.* 4[0-9][0-9] )"),
                ),
            ),
            shows=Step(
                b"CAP LS 302\r\n",
                re.compile(rb" CAP ([^ \n]+) LS "),
                re.compile(rb"unstrip"),
            ),
        ),
    ),
)
SIEVE = Subject(
    protocol="sieve",
    command=b'NOOP "unstrip"\r\n',
    answer=re.compile(rb'(?m)^OK \(TAG "unstrip"\)'),
    question=b'NOOP "unstrip"\r\n',
    cut=2,
)
ACAP = Subject(
    protocol="acap",
    command=b"unstrip NOOP\r\n",
    answer=re.compile(rb"(?m)^unstrip OK"),
    question=b"unstrip NOOP\r\n",
    cut=10,
)
NUT = Subject(
    protocol="nut",
    command=b"VER\n",
    answer=re.compile(rb"(?m)^Network UPS Tools[^\n]*\n"),
    question=b"VER\n",
    cut=2,
)
HTTP = Subject(  # the answer to the request for TLS comes inside, unasked (RFC 2817, 3.3)
    protocol="http",
    command=b"GET /unstrip HTTP/1.1\r\nHost: %b\r\n\r\n" % HOST,
    answer=re.compile(rb"(?m)^HTTP/1\.[01] (?!1|400)[0-9]{3}"),
    question=b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % HOST,
    owed=1,
    hush=LONG_HUSH,
)
