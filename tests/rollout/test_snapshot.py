"""What was published on a day, in words; nobody's answer is taken for another's."""

from __future__ import annotations

from dataclasses import replace

from tests.publication.scene import MX1, MX2, NOW
from tests.rollout.reported import TODAY, ago, noted, seen
from unstrip.evidence import from_json, to_json
from unstrip.policy.mta_sts import Mode
from unstrip.rollout.snapshot import MX, POLICY, Leaf, Noted, Shown, Snapshot, completed, on, words

FULL = seen(MX1, MX2, policy_id="1", mode=Mode.TESTING, patterns=("*.example.org",))
BARE = Shown("192.0.2.2", clear=True)
TRAIL = [noted(9, seen(MX1)), noted(5, FULL)]


def test_it_is_kept_whole_as_json():
    assert from_json(Snapshot, to_json(FULL)) == FULL


def test_what_was_published_is_what_was_seen_last_until_that_day():
    assert on(TRAIL, ago(10)) is None
    assert on(TRAIL, ago(9)) == on(TRAIL, ago(6)) == TRAIL[0]
    assert on(TRAIL, ago(5)) == on(TRAIL, TODAY) == TRAIL[1]


def test_words_tell_policy_hosts_keys_and_records():
    host = replace(FULL.hosts[0], tlsa=(f"3 1 1 {'cd' * 32}",), shown=(*FULL.hosts[0].shown, BARE))
    told = words(noted(0, replace(FULL, hosts=(host,))), TODAY)
    begin = f"policy 1, mode testing, *.example.org; mx {MX1}, key ab until {NOW:%Y}"
    assert told.startswith(begin)
    assert told.endswith(", no TLS, TLSA 3 1 1 cdcdcdcdcdcdcdcdcd...")


def test_words_say_since_when_nobody_has_looked():
    assert words(TRAIL[0], ago(7)).endswith(f"as seen on {ago(9)}")
    assert "as seen" not in words(TRAIL[0], ago(9))
    assert "as seen" not in words(Noted(NOW, NOW, FULL), TODAY)


def test_what_is_not_known_is_not_told_as_if_it_were():
    assert words(None, TODAY) == ""
    assert words(noted(0, Snapshot()), TODAY) == "no policy"
    told = words(noted(0, Snapshot(unknown=(MX, POLICY))), TODAY)
    assert told == "policy not found out; mx not found out"


def test_what_others_have_written_is_escaped():
    host = replace(FULL.hosts[0], name="mx\x1b[31m", shown=(Shown("192.0.2.1", Leaf()),))
    assert "mx mx\\x1b[31m, key unreadable" in words(noted(0, Snapshot(hosts=(host,))), TODAY)


def test_a_mute_address_is_completed_from_what_it_showed_and_no_other():
    host = FULL.hosts[0]
    mute = replace(host, shown=(Shown("192.0.2.1"), BARE))
    both = replace(FULL, hosts=(replace(host, shown=(*host.shown, BARE)),))
    assert completed(replace(FULL, hosts=(mute,)), both) == both
    assert completed(replace(FULL, hosts=(replace(mute, name=MX2),)), both) != both
    assert completed(replace(FULL, hosts=(replace(host, shown=(BARE,)),)), both) != both


def test_what_could_not_be_found_out_is_completed_from_what_was_known():
    less = replace(FULL, policy_id="", mode=None, patterns=(), unknown=(POLICY,))
    assert completed(less, FULL) == FULL
    assert completed(FULL, less) == FULL != less
    assert completed(less, less) == less
    other = replace(less, reports=("v=TLSRPTv1; rua=mailto:tls@example.org",))
    assert completed(other, FULL) != FULL
    blind = replace(FULL, hosts=tuple(replace(h, tlsa=()) for h in FULL.hosts), unknown=(MX1,))
    signed = replace(FULL, hosts=(replace(FULL.hosts[0], tlsa=("3 1 1 ab",)), *FULL.hosts[1:]))
    assert completed(blind, signed) == signed
