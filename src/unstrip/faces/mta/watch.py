"""What goes on between the daemon and the world, counted and logged: answers, and alarms."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from unstrip.faces.mta.log import Log
from unstrip.io.inquiry import Memory
from unstrip.policy import mta_sts
from unstrip.policy.mta_sts import Known
from unstrip.policy.questions import Answer, Dns, DnsAnswer, HttpsAnswer, Question


class Watch:
    """Looks on.

    Attributes: questions: how often something was asked, by ("dns" or "https", what came of it);
        alarms: how many there were.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self.questions: Counter[tuple[str, str]] = Counter()
        self.alarms = 0

    def hear(self, question: Question, answer: Answer) -> None:
        """Count an answer; a failure is worth a line."""
        if isinstance(question, Dns):
            of, what = "dns", f"{question.name} {question.kind.value}"
        else:
            of, what = "https", f"{question.host}{question.path}"
        outcome = _outcome(answer)
        self.questions[of, outcome] += 1
        self._log.debug("asked", of=of, what=what, outcome=outcome)

    def alarm(self, words: str) -> None:
        """Tell the operator what an attacker would have liked."""
        self.alarms += 1
        self._log.warning("alarm", words=words)

    def remembering(self, memory: Memory) -> Memory:
        """Return a memory that looks at each policy that takes the place of another (P-03)."""
        return _Watched(memory, self)


@dataclass(frozen=True, slots=True)
class _Watched:
    memory: Memory
    watch: Watch

    def known(self, domain: str) -> Known | None:
        return self.memory.known(domain)

    def remember(self, base: Known | None, new: Known) -> Known:
        for words in mta_sts.alarms(base, new) if base is not None else ():
            self.watch.alarm(words)
        return self.memory.remember(base, new)

    def derived(self, name: str, now: datetime) -> bytes | None:
        return self.memory.derived(name, now)

    def keep_derived(self, name: str, made: datetime, expires: datetime, body: bytes) -> None:
        self.memory.keep_derived(name, made, expires, body)


def _outcome(answer: Answer) -> str:
    """Return of which kind an answer is; there are few, whatever is said out there."""
    if isinstance(answer, DnsAnswer):
        return answer.status.value
    return f"{answer.status // 100}xx" if isinstance(answer, HttpsAnswer) else answer.result.value
