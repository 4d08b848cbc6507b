"""Command injection, from outside the server: B-01 to B-05 (CVE-2011-0411 and its kin).

The same few ideas for every protocol: where plaintext may lie around when TLS starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from unstrip.lab.probing.attempt import Injection, Subject

GAPS = (0.0, 0.005, 0.05)  # seconds; a server reads what has come by then as one or as two
SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "in lower case": bytes.lower,
    "with a blank behind it": lambda line: _body(line) + b" " + _ending(line),
    "with a blank before it": lambda line: b" " + line,
    "with an argument": lambda line: _body(line) + b" x" + _ending(line),
    "ended by LF": lambda line: _body(line) + b"\n",
    "ended by CR CR LF": lambda line: _body(line) + b"\r\r\n",
}


def injections(subject: Subject) -> Iterator[Injection]:
    """Return every attempt to inject a command into servers of that protocol."""
    command = subject.command
    yield Injection(number=subject.number, what="a command behind the request", glued=command)
    for gap in GAPS:
        what = f"a command {gap * 1000:g} ms after the request"
        yield Injection(number="B-02", what=what, later=command, gap=gap)
    yield Injection(number="B-03", what="a command after the go-ahead", later=command, gap=None)
    if subject.cut:
        yield from _of_lines(subject)


def _of_lines(subject: Subject) -> Iterator[Injection]:
    begun, rest = subject.command[: subject.cut], subject.command[subject.cut :]
    what = "half a command behind the request, the other half inside TLS"
    yield Injection(number="B-04", what=what, glued=begun, rest=rest)
    for how, respelt in SPELLINGS.items():
        what = f"a command behind the request {how}"
        yield Injection(number="B-05", what=what, respelt=respelt, glued=subject.command)


def _body(line: bytes) -> bytes:
    return line.rstrip(b"\r\n")


def _ending(line: bytes) -> bytes:
    return line[len(_body(line)) :]
