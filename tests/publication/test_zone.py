"""Records, read again by dnspython."""

from __future__ import annotations

import dns.rdata
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.publication.zone import tlsa, txt
from unstrip.tlsa import Tlsa


@given(st.binary(min_size=1, max_size=1000))
def test_any_text_is_read_as_it_was_written(text):
    read = dns.rdata.from_text("IN", "TXT", txt("example.org", text, 60).data)
    assert b"".join(read.strings) == text
    assert all(len(part) <= 255 for part in read.strings)


@pytest.mark.parametrize("port", [25, 2525])
def test_a_tlsa_record_is_read_as_it_was_written(port):
    record = tlsa("mx.example.org", port, Tlsa(3, 1, 1, b"\x01" * 32))
    zone = dns.zone.from_text(
        f"@ 60 IN SOA a b 1 2 3 4 5\n@ 60 IN NS a\n{record}\n", "example.org.", relativize=False
    )
    (found,) = zone.find_rdataset(f"_{port}._tcp.mx.example.org.", "TLSA")
    assert (found.usage, found.selector, found.mtype, found.cert) == (3, 1, 1, b"\x01" * 32)
