"""What goes on between the daemon and the world, counted and logged: answers, and alarms."""

from __future__ import annotations

from collections import Counter

from unstrip.faces.mta.log import Log
from unstrip.io.store.tended import Operation
from unstrip.policy.questions import (
    Answer,
    Dns,
    DnsAnswer,
    HttpsAnswer,
    Question,
    Security,
    Status,
)

# of a policy that took another's place (P-03), what of it is weaker; and what we rest on
ALARMS = ("mode", "mx", "max_age", "list", "dnssec", "store")


class Watch:
    """Looks on.

    Attributes: questions: how often something was asked, by ("dns" or "https", what came of it,
        what DNSSEC says of that); alarms: how many there were of each; turns: how often we looked
        for a policy, or another did; distrust: why nothing that DNS says counts for DANE, "" where
        it does, or nobody has answered yet.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self.questions: Counter[tuple[str, str, str]] = Counter()
        self.turns: Counter[str] = Counter()
        self.alarms = Counter(dict.fromkeys(ALARMS, 0))
        self._believed: bool | None = None  # whether it was one whom we believe who answered last
        self.distrust = ""

    def hear(self, question: Question, answer: Answer) -> None:
        """Count an answer; a failure is worth a line."""
        if isinstance(question, Dns):
            of, what = "dns", f"{question.name} {question.kind.value}"
        else:
            of, what = "https", f"{question.host}{question.path}"
        outcome, security = _outcome(answer), _security(answer)
        self.questions[of, outcome, security] += 1
        self._log.debug("asked", of=of, what=what, outcome=outcome, security=security)
        if isinstance(answer, DnsAnswer):
            self._trust(answer)

    def _trust(self, answer: DnsAnswer) -> None:
        """Notice whether anybody checks DNSSEC: if not, there is no DANE (P-08), or no mail."""
        if answer.failed and answer.status is not Status.DISTRUSTED:
            return  # nothing follows from silence
        before, self._believed = self._believed, answer.security is not Security.UNCHECKED
        self.distrust = "" if self._believed else answer.words
        if before and not self._believed:
            self.alarm("dnssec", f"the resolver is not believed any more: {answer.words}")
        elif before is None and not self._believed:
            self._log.warning("no DANE", words=answer.words)
        elif before is False and self._believed:
            self._log.info("DANE", words="the resolver is believed now")

    def alarm(self, of: str, words: str) -> None:
        """Tell the operator what an attacker would have liked. Args: of: one of `ALARMS`."""
        self.alarms[of] += 1
        self._log.warning("alarm", of=of, words=words)

    def failing(self, operation: Operation, words: str) -> None:
        """Tell that the store begins to fail."""
        self._log.error("store fails", to=operation.value, words=words)

    def working(self, operation: Operation) -> None:
        """Tell that it works again."""
        self._log.info("store works", to=operation.value)

    def lost(self, words: str) -> None:
        """Tell that what was kept may have been lost."""
        self.alarm("store", words)

    def turn(self, outcome: str) -> None:
        """Count who looked for a policy: see `Inquiry`."""
        self.turns[outcome] += 1


def _security(answer: Answer) -> str:
    return answer.security.value if isinstance(answer, DnsAnswer) else ""


def _outcome(answer: Answer) -> str:
    """Return of which kind an answer is; there are few, whatever is said out there."""
    if isinstance(answer, DnsAnswer):
        return answer.status.value
    return f"{answer.status // 100}xx" if isinstance(answer, HttpsAnswer) else answer.result.value
