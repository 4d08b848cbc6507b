"""Sockets: made as configured, nobody else's removed, and gone at the end."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unstrip.faces.mta import listening
from unstrip.faces.mta.listening import CannotListen, Ear, ears
from unstrip.io.serving import Place
from unstrip.io.tlsrpt import queue


def one(place: Place):
    (ear,) = ears([place], [])
    return ear


def test_a_tcp_socket_listens_where_it_says(tmp_path):
    ear = one(Place("http", "127.0.0.1:0"))
    host, _, port = ear.where.rpartition(":")
    assert host == "127.0.0.1"
    socket.create_connection((host, int(port)), 5).close()
    ear.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), 5)


def test_a_unix_socket_has_its_owner_group_and_mode(tmp_path):
    user = pwd.getpwuid(os.geteuid()).pw_name
    group = grp.getgrgid(os.getegid()).gr_name
    at = f"unix:{tmp_path}/s"
    ear = one(Place("exim", at, owner=user, group=group, mode="0604"))
    found = (tmp_path / "s").stat()
    assert stat.S_IMODE(found.st_mode) == 0o604
    assert (found.st_uid, found.st_gid) == (os.geteuid(), os.getegid())
    assert ear.where == at
    ear.close()
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("key", ["owner", "group"])
def test_an_owner_who_is_nobody_is_an_error_and_no_socket_is_left(tmp_path, key):
    with pytest.raises(CannotListen, match=r"unix:.*: "):
        one(Place("exim", f"unix:{tmp_path}/s", **{key: "nobody-has-this-name"}))
    assert not (tmp_path / "s").exists()


def test_a_socket_that_was_left_behind_is_replaced(tmp_path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "s"))
    ear = one(Place("exim", f"unix:{tmp_path}/s"))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
    ear.close()


def test_a_socket_at_which_somebody_listens_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(listening, "_PATIENCE", 0.1)
    place = Place("exim", f"unix:{tmp_path}/s")
    first = one(place)
    with pytest.raises(CannotListen, match="somebody listens there already"):
        one(place)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
    first.close()


def test_one_at_which_another_program_listens_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(listening, "_PATIENCE", 0.1)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "s"))
        other.listen()
        with pytest.raises(CannotListen, match="somebody listens there already"):
            one(Place("exim", f"unix:{tmp_path}/s"))
        assert (tmp_path / "s").is_socket()


@pytest.mark.parametrize("speaks", ["exim", "tlsrpt"])
def test_of_two_that_start_at_once_one_listens_and_the_other_says_so(tmp_path, monkeypatch, speaks):
    monkeypatch.setattr(queue, "_is_long", lambda: True)  # to make a long one takes a process

    def start(_: int) -> Ear | None:
        try:
            return one(Place(speaks, f"unix:{tmp_path}/s"))
        except CannotListen:
            return None

    with ThreadPoolExecutor(2) as threads:
        for _ in range(100):
            (ear,) = (found for found in threads.map(start, range(2)) if found)
            with socket.socket(socket.AF_UNIX, ear.sock.type) as client:
                client.connect(str(tmp_path / "s"))
            ear.close()


@pytest.mark.parametrize("speaks", ["exim", "tlsrpt"])
def test_what_is_put_in_its_place_does_not_get_its_owner_and_mode(tmp_path, monkeypatch, speaks):
    path, victim = tmp_path / "s", tmp_path / "victim"
    victim.touch(0o600)

    def swapped(where: Path) -> tuple[int, int]:
        found = where.lstat()
        path.unlink()
        path.symlink_to(victim)
        return found.st_dev, found.st_ino

    monkeypatch.setattr(listening, "_mark", swapped)
    with pytest.raises((CannotListen, OSError)):
        one(Place(speaks, f"unix:{path}", mode="0666"))
    assert victim.stat().st_mode & 0o777 == 0o600


def test_where_somebody_listens_already_it_is_said_once_and_with_how_to_find_out(tmp_path):
    first, second = one(Place("exim", f"unix:{tmp_path}/s")), one(Place("http", "127.0.0.1:0"))
    for ear in (first, second):
        with pytest.raises(CannotListen) as refused:
            one(Place("http", ear.where))
        assert "`ss -lnp` says who" in refused.value.hint
    assert str(refused.value) == f"{second.where}: address already in use"
    first.close()
    second.close()


def test_what_else_keeps_it_from_listening_is_explained_on_a_page(tmp_path):
    with pytest.raises(CannotListen) as refused:
        one(Place("exim", f"unix:{tmp_path}/nowhere/s"))
    assert refused.value.hint == "see [[serve.listen]] in docs/reference/configuration.md"


@pytest.mark.parametrize("make", ["touch", "mkdir"])
def test_what_is_no_socket_is_left_alone(tmp_path, make):
    getattr(tmp_path / "s", make)()
    with pytest.raises(CannotListen, match="it is no socket"):
        one(Place("exim", f"unix:{tmp_path}/s"))
    assert (tmp_path / "s").exists()


def test_a_link_is_not_followed(tmp_path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "other"))
    (tmp_path / "s").symlink_to(tmp_path / "other")
    with pytest.raises(CannotListen, match="it is no socket"):
        one(Place("exim", f"unix:{tmp_path}/s"))
    assert (tmp_path / "other").is_socket()


def test_a_socket_that_took_our_place_is_left_alone(tmp_path):
    path = tmp_path / "s"
    ear = one(Place("exim", f"unix:{path}"))
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        ear.close()
    assert path.is_socket()


def test_where_one_place_cannot_be_had_nobody_listens_at_the_others(tmp_path):
    places = [
        Place("exim", f"unix:{tmp_path}/s"),
        Place("http", f"unix:{tmp_path}/nowhere/s"),
    ]
    with pytest.raises(CannotListen, match="no such file or directory"):
        ears(places, [])
    assert not (tmp_path / "s").exists()


def test_a_port_that_is_taken_is_an_error():
    ear = one(Place("http", "127.0.0.1:0"))
    with pytest.raises(CannotListen, match=f"{ear.where}: address already in use"):
        one(Place("http", ear.where))
    ear.close()


def test_sockets_that_were_handed_over_are_all_there_are(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as given:
        (ear,) = ears([Place("exim", f"unix:{tmp_path}/s")], [("http", given)])
        assert (ear.speaks, ear.sock) == ("http", given)
    assert not (tmp_path / "s").exists()


def test_one_of_another_name_is_an_error():
    known = "none of socketmap, tcp-table, exim, http"
    with (
        socket.create_server(("127.0.0.1", 0)) as given,
        pytest.raises(CannotListen, match=known),
    ):
        ears([], [("smtp", given)])


def test_datagrams_have_a_socket_of_their_own_kind(tmp_path):
    ear = one(Place("tlsrpt", f"unix:{tmp_path}/s", mode="0666"))
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o666
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"told", str(tmp_path / "s"))
    assert ear.sock.recv(100) == b"told"
    ear.close()
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(("first", "second"), [("tlsrpt", "exim"), ("exim", "tlsrpt")])
def test_a_socket_of_another_kind_is_left_alone_too(tmp_path, monkeypatch, first, second):
    monkeypatch.setattr(listening, "_PATIENCE", 0.1)
    ear = one(Place(first, f"unix:{tmp_path}/s"))
    with pytest.raises(CannotListen, match="somebody listens there already"):
        one(Place(second, f"unix:{tmp_path}/s"))
    ear.close()


def test_what_is_listened_at_for_a_moment_only_is_waited_for(tmp_path):
    """As by the reader of datagrams that a daemon has left behind."""
    left = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    left.bind(str(tmp_path / "s"))
    closing = threading.Timer(0.2, left.close)
    closing.start()
    one(Place("tlsrpt", f"unix:{tmp_path}/s")).close()
    closing.join()


def test_datagrams_come_to_one_socket_of_systemd():
    pairs = [("tlsrpt", socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) for _ in range(2)]
    with pytest.raises(CannotListen, match="more than one socket for tlsrpt"):
        ears([], pairs)
    for _, sock in pairs:
        sock.close()
