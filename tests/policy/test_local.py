"""The operator's own table: every key works, and every mistake is named by rule and key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.policy import Level, Policy
from unstrip.policy.local import BadTable, Table, idle, last_words, opinions, parse, waiting

PIN = "sha256:" + "6F2c" * 16


def rule(**keys: object) -> str:
    """One rule in TOML."""
    lines = [f"{key} = {_toml(value)}" for key, value in keys.items()]
    return "\n".join(["[[rule]]", *lines, ""])


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | list) else f'"{value}"'


def opinion(table: Table, host: str, port: int, protocol: str) -> Policy | None:
    """What the table says of a server that goes by one name."""
    found = opinions(table, (host,), port, protocol)
    assert len(found) <= 1
    return found[0] if found else None


def level(text: str, host: str, port: int = 25, protocol: str = "smtp") -> Level | None:
    found = opinion(parse(text), host, port, protocol)
    return found.level if found else None


@pytest.mark.parametrize(
    ("word", "expected"),
    [("may", Level.MAY), ("encrypt", Level.ENCRYPT), ("verify", Level.AUTHENTICATED)],
)
def test_require_names_the_level(word, expected):
    assert level(rule(host="mx.example.org", require=word), "mx.example.org") is expected


def test_an_empty_table_has_no_opinion():
    assert parse("") == Table()
    assert level("", "mx.example.org") is None


def test_a_name_fits_that_host_alone():
    text = rule(host="mx.example.org", require="verify")
    assert level(text, "mx.example.net") is None
    assert level(text, "a.mx.example.org") is None
    assert level(text, "example.org") is None


@pytest.mark.parametrize("host", ["MX.Example.ORG", "mx.example.org.", "mx.example.org"])
@pytest.mark.parametrize("written", ["MX.Example.ORG", "mx.example.org.", "mx.example.org"])
def test_case_and_a_final_dot_make_no_difference(written, host):
    assert level(rule(host=written, require="verify"), host) is Level.AUTHENTICATED


@pytest.mark.parametrize("host", ["mx.example.org", "a.b.c.example.org", "x.y.EXAMPLE.org."])
def test_a_wildcard_fits_every_depth_below_the_domain(host):
    assert level(rule(host="*.example.org", require="verify"), host) is Level.AUTHENTICATED


@pytest.mark.parametrize("host", ["example.org", "notexample.org", "example.org.example.net"])
def test_a_wildcard_fits_neither_the_domain_itself_nor_its_neighbours(host):
    assert level(rule(host="*.example.org", require="verify"), host) is None


@pytest.mark.parametrize("host", ["localhost", "a.b.example.org", "192.0.2.1", "2001:db8::1"])
def test_a_lone_star_fits_everything(host):
    assert level(rule(host="*", require="encrypt"), host) is Level.ENCRYPT


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_an_address_fits_itself(host):
    text = rule(host=host, require="verify")
    assert level(text, host) is Level.AUTHENTICATED
    assert level(text, "192.0.2.2") is None


def test_a_rule_for_a_port_leaves_other_ports_alone():
    text = rule(host="*", require="verify", port=587)
    assert level(text, "mx.example.org", 587) is Level.AUTHENTICATED
    assert level(text, "mx.example.org", 25) is None


def test_a_rule_for_a_protocol_leaves_other_protocols_alone():
    text = rule(host="*", require="verify", protocol="imap")
    assert level(text, "mx.example.org", 143, "imap") is Level.AUTHENTICATED
    assert level(text, "mx.example.org", 143, "pop3") is None


def test_the_first_rule_that_fits_counts_even_if_a_later_one_is_stricter():
    lenient = rule(host="legacy.example.org", require="may")
    strict = rule(host="*.example.org", require="verify")
    assert level(lenient + strict, "legacy.example.org") is Level.MAY
    assert level(strict + lenient, "legacy.example.org") is Level.AUTHENTICATED
    assert level(lenient + strict, "mx.example.org") is Level.AUTHENTICATED


def test_a_rule_that_does_not_fit_is_passed_over():
    elsewhere = rule(host="*", require="may", port=143)
    here = rule(host="*", require="verify", port=25)
    assert level(elsewhere + here, "mx.example.org", 25) is Level.AUTHENTICATED


def test_pins_come_out_as_lower_case_hex():
    table = parse(rule(host="*", require="verify", pin=[PIN]))
    found = opinion(table, "mx.example.org", 25, "smtp")
    assert found is not None
    assert found.pins == ("6f2c" * 16,)


def test_the_opinion_says_which_rule_it_is_and_attests_nothing():
    table = parse(rule(host="a.example", require="may") + rule(host="*", require="encrypt"))
    assert opinion(table, "mx.example.org", 25, "smtp") == Policy(
        "local", Level.ENCRYPT, "* require encrypt", rule="rule 2"
    )


def test_of_a_server_with_two_names_each_is_looked_up_and_it_is_said_which_rule_is_for_which():
    table = parse(
        rule(host="*.example.net", require="may")
        + rule(host="example.org", require="verify")
        + rule(host="*", require="encrypt")
    )

    def said(*names: str) -> list[str]:
        return [f"{each.rule}: {each.text}" for each in opinions(table, names, 25, "smtp")]

    assert said("mx.example.net", "example.org") == [
        "rule 1: *.example.net require may, for mx.example.net",
        "rule 2: example.org require verify, for example.org",
    ]
    assert said("mx.example.com", "example.com") == ["rule 3: * require encrypt"]


# The last word

HOST, ORG = "mx.example.net", "example.org"
STRICT = rule(host="*", require="verify")
FREED = rule(host=HOST, require="may", override=True)


def last(text: str, *names: str, unsigned: tuple[str, ...] = ()) -> str:
    """Which rule has the last word on a server, "" for none."""
    said = opinions(parse(text), names, 25, "smtp", unsigned=unsigned)
    (words, *more) = [each for each in said if each.overrides] or [None]
    assert not more
    assert words in (None, said[0])
    return words.rule if words else ""


def test_a_rule_may_be_the_last_word():
    (found,) = opinions(parse(FREED), (HOST,), 25, "smtp")
    assert found == Policy("local", Level.MAY, f"{HOST} require may", overrides=True, rule="rule 1")


@pytest.mark.parametrize(
    ("text", "unsigned", "expected"),
    [
        # about the domain: whatever the server is
        (rule(host=ORG, require="may", override=True), (HOST,), "rule 1"),
        (rule(host=ORG, require="may", override=True) + STRICT, (), "rule 1"),
        (rule(host="*", require="verify", override=True), (HOST,), "rule 1"),
        # about the server: only where DNSSEC leads there
        (FREED, (), "rule 1"),
        (FREED, (HOST,), ""),
        (FREED + rule(host="*", require="encrypt"), (), "rule 1"),
        (FREED + rule(host="*", require="encrypt"), (HOST,), ""),
        # of two, the one that stands first
        (rule(host=ORG, require="verify") + FREED, (), ""),
        (FREED + rule(host=ORG, require="verify"), (), "rule 1"),
        (rule(host=ORG, require="verify") + rule(host="*", require="may", override=True), (), ""),
        (rule(host=HOST, require="verify") + rule(host="*", require="may", override=True), (), ""),
        # a server that anybody may have brought up keeps no other rule from it
        (FREED + rule(host=ORG, require="encrypt", override=True), (HOST,), "rule 2"),
    ],
)  # fmt: skip
def test_the_first_rule_that_nobody_can_have_brought_up_has_the_last_word(text, unsigned, expected):
    assert last(text, HOST, ORG, unsigned=unsigned) == expected


def test_a_rule_that_overrides_nobody_here_raises_as_any_other_and_says_so():
    text = rule(host=HOST, require="encrypt", override=True)
    (found,) = opinions(parse(text), (HOST, ORG), 25, "smtp", unsigned=(HOST,))
    assert (found.level, found.overrides) == (Level.ENCRYPT, False)
    assert found.text == f"{HOST} require encrypt; it overrides nobody here"


def test_what_another_rule_asks_for_stands_behind_the_last_word():
    text = FREED + rule(host=ORG, require="verify", override=True)
    last, other = opinions(parse(text), (HOST, ORG), 25, "smtp")
    assert (last.overrides, last.rule) == (True, "rule 1")
    assert (other.overrides, other.rule, other.level) == (False, "rule 2", Level.AUTHENTICATED)


@pytest.mark.parametrize(
    ("above", "below", "never"),
    [
        ({"host": "*"}, {"host": ORG}, True),
        ({"host": "*"}, {"host": "*"}, True),
        ({"host": "*.example.org"}, {"host": "*.a.example.org"}, True),
        ({"host": "*.example.org"}, {"host": "mx.example.org", "port": 25}, True),
        ({"host": ORG, "port": 25}, {"host": ORG, "port": 25, "protocol": "smtp"}, True),
        ({"host": ORG}, {"host": "*"}, False),
        ({"host": "*.example.org"}, {"host": ORG}, False),
        ({"host": "*.a.example.org"}, {"host": "*.example.org"}, False),
        ({"host": ORG, "port": 25}, {"host": ORG}, False),
        ({"host": ORG, "port": 25}, {"host": ORG, "port": 26}, False),
        ({"host": "*", "protocol": "smtp"}, {"host": ORG}, False),
    ],
)
def test_a_rule_never_counts_where_one_above_it_fits_all_that_it_fits(above, below, never):
    table = parse(rule(require="may", **above) + rule(require="may", **below))
    assert idle(table) == ("rule 2 never counts, for rule 1 fits all that it fits" if never else "")


def test_a_rule_that_never_counts_is_none_of_those_that_override():
    assert last_words(parse(rule(host="*", require="may") + FREED)) == ""


def test_rules_that_override_are_told_to_whoever_starts_with_them():
    table = parse(rule(host=ORG, require="encrypt") + FREED)
    assert last_words(table) == (f"all other policies are overridden by rule 2: {HOST} require may")
    assert last_words(parse(rule(host=ORG, require="encrypt"))) == ""


def test_mail_waits_for_what_is_unknown_only_by_the_first_rule_that_fits():
    patient = rule(host="*", require="may", unknown="wait")
    table = parse(rule(host=ORG, require="may") + patient)
    assert waiting(table, ORG, 25, "smtp", "no answer") is None
    found = waiting(table, "example.com", 25, "smtp", "no answer")
    assert found is not None
    assert found.refuses == "rule 2 of the table has mail wait: no answer"
    assert waiting(parse(""), ORG, 25, "smtp", "no answer") is None


GOOD = rule(host="first.example", require="may")  # so that the bad rule is never the only one
MISTAKES = {
    "unknown key": (rule(host="*", require="may", hots="x"), "hots"),
    "no host": (rule(require="may"), "host"),
    "no level": (rule(host="*"), "require"),
    "unknown level": (rule(host="*", require="always"), "require"),
    "level none is not for tables": (rule(host="*", require="none"), "require"),
    "level in upper case": (rule(host="*", require="VERIFY"), "require"),
    "level is a number": (rule(host="*", require=1), "require"),
    "host is a number": (rule(host=25, require="may"), "host"),
    "port is a word": (rule(host="*", require="may", port="smtp"), "port"),
    "protocol is a number": (rule(host="*", require="may", protocol=25), "protocol"),
    "pins are one word": (rule(host="*", require="verify", pin=PIN), "pin"),
    "pin is a number": (rule(host="*", require="verify", pin=[1]), "pin"),
    "pin too short": (rule(host="*", require="verify", pin=[PIN[:-1]]), "pin"),
    "pin too long": (rule(host="*", require="verify", pin=[PIN + "0"]), "pin"),
    "pin without its hash": (rule(host="*", require="verify", pin=[PIN[7:]]), "pin"),
    "pin by another hash": (rule(host="*", require="verify", pin=["sha1:" + "a" * 40]), "pin"),
    "pin not hex": (rule(host="*", require="verify", pin=["sha256:" + "g" * 64]), "pin"),
    "pin without verify": (rule(host="*", require="encrypt", pin=[PIN]), "pin"),
    "override is a word": (rule(host="*", require="may", override="yes"), "override"),
    "unknown is no word of ours": (rule(host="*", require="may", unknown="bounce"), "unknown"),
    "waiting for those who have no say": (
        rule(host="*", require="may", override=True, unknown="wait"),
        "unknown",
    ),
    "star in the middle": (rule(host="mx.*.example.org", require="may"), "host"),
    "star within a label": (rule(host="mx*.example.org", require="may"), "host"),
    "star at the end": (rule(host="mx.example.*", require="may"), "host"),
    "two stars": (rule(host="*.*.example.org", require="may"), "host"),
    "star glued to a name": (rule(host="*example.org", require="may"), "host"),
}


@pytest.mark.parametrize(("text", "key"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_by_rule_and_key(text, key):
    with pytest.raises(BadTable, match=key) as caught:
        parse(GOOD + text)
    assert str(caught.value).startswith("rule 2: ")


def test_an_unknown_level_is_told_with_those_there_are():
    with pytest.raises(BadTable, match="rule 1: require: 'must' is none of may, encrypt, verify"):
        parse(rule(host="*", require="must"))


def test_a_mistake_spoils_the_whole_table():
    with pytest.raises(BadTable):
        parse(rule(host="*", require="verify") + rule(host="*", require="sometimes"))


def test_a_key_outside_any_rule_is_named():
    with pytest.raises(BadTable, match="rules"):
        parse('[[rules]]\nhost = "*"\nrequire = "verify"\n')


@pytest.mark.parametrize("text", ["[[rule]", "host", "\0", '[[rule]]\nhost = "a\nrequire = "may"'])
def test_what_is_not_toml_is_told_with_its_place(text):
    with pytest.raises(BadTable, match=r"\(at (line [12], column \d+|end of document)\)"):
        parse(text)


@pytest.mark.parametrize("port", [0, -25, 65536])
def test_a_port_that_cannot_be_is_a_mistake_since_its_rule_would_protect_nothing(port):
    with pytest.raises(BadTable, match="port"):
        parse(rule(host="*", require="verify", port=port))


@pytest.mark.parametrize("protocol", ["smpt", "SMTP", ""])
def test_an_unknown_protocol_is_a_mistake_since_its_rule_would_protect_nothing(protocol):
    with pytest.raises(BadTable, match="protocol"):
        parse(rule(host="*", require="verify", protocol=protocol))


def test_a_host_in_its_own_script_fits_the_name_that_goes_into_dns():
    text = rule(host="*.bücher.example", require="verify")
    assert level(text, "mx.xn--bcher-kva.example") is Level.AUTHENTICATED


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000], ids=["digits", "brackets"])
def test_an_absurd_value_is_a_bad_table_too(value):
    with pytest.raises(BadTable):
        parse(f"rule = {value}")


LIKELY = st.sampled_from(
    ["[[rule]]\n", 'host = "*"\n', 'require = "verify"\n', "port = 25\n", f'pin = ["{PIN}"]\n', "="]
)


@given(st.text() | st.lists(LIKELY | st.text(max_size=4), max_size=8).map("".join))
def test_any_text_is_a_table_or_a_bad_table(text):
    try:
        table = parse(text)
    except BadTable as error:
        assert str(error)  # noqa: PT017  # either ending is right
    else:
        assert isinstance(table, Table)


@given(st.text(), st.integers(0, 65535), st.text())
def test_any_destination_may_be_asked_about(host, port, protocol):
    table = parse(rule(host="*.example.org", require="may") + rule(host="*", require="verify"))
    found = opinion(table, host, port, protocol)
    assert found is not None
    assert found.level in (Level.MAY, Level.AUTHENTICATED)


def test_an_escape_sequence_in_a_key_is_not_shown_as_it_is():
    with pytest.raises(BadTable) as caught:
        parse('[[rule]]\nhost = "*"\nrequire = "may"\n"a\\u001b[31m" = 1\n')
    assert "\x1b" not in str(caught.value)
