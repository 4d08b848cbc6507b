"""Reports that are posted to the daemon: kept by a thread of their own, whatever else goes on."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import ssl
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.faces.mta.process import HERE, LISTEN, PATIENCE, configure, serving, started
from tests.tlsrpt.letters import STS, policy, told
from unstrip.io.store import open_store
from unstrip.tlsrpt.received import Proof, Told
from unstrip.tlsrpt.values import Applied, PolicyType, Tally

LONG_AGO, FAR = date(2018, 1, 1), date(2100, 1, 1)
REPORT = gzip.compress(told())
ALIEN = told(policy({**STS, "policy-domain": "example.com"}, 1))
TALLY = Tally(Applied(PolicyType.NONE), 1, 0)
OURS = '[report]\ndomains = ["example.org"]\n'


def post(daemon, body, tls=None, name="127.0.0.1"):
    host, _, port = daemon.places["reports"].rpartition(":")
    if tls is None:
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    else:
        connection = http.client.HTTPSConnection(name, int(port), timeout=PATIENCE, context=tls)
    with closing(connection):
        connection.request("POST", "/tlsrpt", body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def kept(folder, name="store.sqlite3"):
    with closing(open_store(folder / name)) as store:
        return store.received(None, LONG_AGO, FAR)


def refusals(folder):
    with closing(open_store(folder / "store.sqlite3")) as store:
        return {refused.kind: refused.count for refused in store.refused(LONG_AGO, FAR)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("daemon")


@pytest.fixture(scope="module")
def daemon(folder):
    places = (("reports", HERE), ("http", HERE))
    with serving(folder, configure(folder, *places, more=OURS)) as running:
        yield running


def test_a_report_is_kept_once_what_is_wrong_is_counted_and_metrics_tell(daemon, folder):
    assert post(daemon, REPORT) == (201, {"status": "taken"})
    assert post(daemon, REPORT) == (200, {"status": "duplicate"})
    assert post(daemon, ALIEN)[0] == 403
    assert post(daemon, b"{")[0] == 400
    assert [t.proof for t in kept(folder)] == [Proof.HTTPS]
    assert refusals(folder) == {"alien": 1, "duplicate": 1, "json": 1}
    metrics = daemon.get("/metrics")[1].decode()
    for outcome in ("taken", "duplicate", "alien", "json"):
        assert f'unstrip_reports_posted_total{{outcome="{outcome}"}} 1.0' in metrics
    assert "unstrip_reports_posting 0.0" in metrics
    for fate in ("taken", "duplicate", "refused"):
        assert " info report " in daemon.wait(f" report {fate} words=")


def test_a_store_that_cannot_be_written_has_the_report_come_again(tmp_path):
    with serving(tmp_path, configure(tmp_path, ("reports", HERE))) as daemon:
        with closing(open_store(tmp_path / "store.sqlite3")) as store:
            store._database.run("alter table received rename to gone")
        status, page = post(daemon, REPORT)
        assert (status, page) == (503, {"error": "it cannot be kept now"})
        assert "no such table" in daemon.wait("report not taken")
        with closing(open_store(tmp_path / "store.sqlite3")) as store:
            store._database.run("alter table gone rename to received")
        assert post(daemon, REPORT)[0] == 201


def test_after_a_reload_other_domains_and_another_store_count(tmp_path):
    config = configure(tmp_path, ("reports", HERE), more=OURS)
    with serving(tmp_path, config) as daemon:
        assert post(daemon, ALIEN)[0] == 403
        text = config.read_text().replace("example.org", "example.com")
        config.write_text(text.replace("store.sqlite3", "other.sqlite3"))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait(" reloaded")
        assert post(daemon, ALIEN)[0] == 201
        assert daemon.stop() == 0
    assert len(kept(tmp_path, "other.sqlite3")) == 1


def test_what_is_old_is_forgotten_when_something_new_comes(tmp_path):
    old = Told(LONG_AGO, "old.example", "", "1", "example.org", Proof.HTTPS, TALLY)
    with serving(tmp_path, configure(tmp_path, ("reports", HERE))) as daemon:
        with closing(open_store(tmp_path / "store.sqlite3")) as store:
            store.keep_received((old,), datetime.now(UTC) - timedelta(days=402))
        assert post(daemon, REPORT)[0] == 201
    assert [told.submitter for told in kept(tmp_path)] == ["sender.example"]


def write(pki, folder, name):
    issued = pki.ca.issue_cert(name)
    (folder / "certificate.pem").write_bytes(b"".join(p.bytes() for p in issued.cert_chain_pems))
    (folder / "key.pem").write_bytes(issued.private_key_pem.bytes())


def tls_place():
    more = 'certificate = "certificate.pem"\nkey = "key.pem"\n'
    return LISTEN.format("reports", HERE) + more


def test_tls_is_spoken_and_its_certificate_renewed_by_a_reload(pki, tmp_path):
    write(pki, tmp_path, "127.0.0.1")
    trusting = ssl.create_default_context(cafile=str(pki.ca_file))
    with serving(tmp_path, configure(tmp_path, more=tls_place())) as daemon:
        assert post(daemon, REPORT, trusting)[0] == 201
        write(pki, tmp_path, "localhost")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait(" reloaded")
        assert post(daemon, REPORT, trusting, "localhost")[0] == 200
        (tmp_path / "key.pem").unlink()
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait("certificate not renewed")
        assert post(daemon, REPORT, trusting, "localhost")[0] == 200


def test_without_its_certificate_it_does_not_begin(tmp_path):
    config = configure(tmp_path, more=tls_place())
    with started(tmp_path, "--config", config) as daemon:
        assert daemon.process.wait(PATIENCE) == 4
        assert "certificate.pem" in daemon.log.read_text()


def test_a_unix_socket_will_do_behind_a_web_server(tmp_path):
    place = f"unix:{tmp_path}/reports"
    with serving(tmp_path, configure(tmp_path, ("reports", place))) as daemon:
        with daemon.connect("reports") as sock:
            head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(REPORT)}\r\n\r\n"
            sock.sendall(head.encode() + REPORT)
            assert sock.recv(100).startswith(b"HTTP/1.1 201 ")
        assert daemon.stop() == 0
    assert not os.path.lexists(f"{tmp_path}/reports")


def test_a_report_goes_into_the_store_that_took_the_place_of_another(tmp_path):
    with serving(tmp_path, configure(tmp_path, ("reports", HERE))) as daemon:
        assert post(daemon, REPORT)[0] == 201
        (tmp_path / "store.sqlite3").rename(tmp_path / "aside")
        assert post(daemon, REPORT)[0] == 201
    assert len(kept(tmp_path)) == 1
