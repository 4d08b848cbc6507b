"""What is counted can be a key of what is counted."""

from unstrip.tlsrpt.values import Applied, Attempt, Failure, Outcome, PolicyType


def test_equal_attempts_are_one_key():
    def attempt():
        failure = Failure("certificate-expired", host="mx.example.org")
        outcome = Outcome(Applied(PolicyType.TLSA, "mx.example.org"), True, (failure,))
        return Attempt("example.org", "v=TLSRPTv1; rua=mailto:a@example.org", (outcome,))

    assert len({attempt(), attempt()}) == 1


def test_the_words_for_policies_are_those_of_reports():
    assert {kind.value for kind in PolicyType} == {"tlsa", "sts", "no-policy-found"}
