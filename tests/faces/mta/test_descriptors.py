"""Descriptors: clients never take the last one, and what would do for all is told right."""

from __future__ import annotations

import resource
import sys

import pytest

from tests.faces.mta.process import HERE, SERVER, configure, limited, serving
from tests.faces.mta.world import ask
from unstrip.faces.mta.descriptors import share, wanted


@pytest.mark.parametrize("services", [1, 2, 4])
@pytest.mark.parametrize("clients", [1, 60, 2000, 100_000])
def test_what_is_wanted_would_do(monkeypatch, services, clients):
    most = wanted(services, clients)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, most))
    assert share(services) >= clients
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, most - most // 10))
    assert share(services) < clients or clients == 1


def test_without_enough_of_them_who_comes_last_is_turned_away_and_all_else_goes_on(tmp_path):
    config = configure(tmp_path, ("socketmap", HERE), ("http", HERE))
    with serving(tmp_path, config, command=limited(100)) as daemon:
        daemon.wait(" warning fewer clients words='18 clients of each service")
        socks = [daemon.connect("socketmap") for _ in range(150)]
        try:
            for sock in socks:
                sock.sendall(ask(SERVER))
            heard = [heard_of(sock) for sock in socks]
            assert heard.count(b"10:OK encrypt,") == 18
            assert daemon.count("unstrip_turned_away_total", speaks="socketmap") == 132
        finally:
            for sock in socks:
                sock.close()
        assert daemon.ask("socketmap", ask(SERVER)) == b"10:OK encrypt,"


def heard_of(sock) -> bytes:
    try:
        return sock.recv(100)
    except ConnectionResetError:
        return b""


def test_all_that_may_be_had_are_had(tmp_path):
    few = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 1000));"
    command = (sys.executable, "-c", f"{few} os.execv(sys.argv[1], sys.argv[1:])")
    with serving(tmp_path, configure(tmp_path, ("http", HERE)), command=command) as daemon:
        assert daemon.count("process_max_fds") == 1000
