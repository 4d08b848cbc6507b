"""What an attempt's transcript proves."""

from __future__ import annotations

from unstrip.lab.probing.attempt import Result, State, Subject
from unstrip.transcript import Layer, Side, Transcript, said


def answers_too_many(transcript: Transcript, subject: Subject) -> bytes:
    """Return what a server said inside TLS, if it answered there what it was asked in clear.

    The command and the question are alike: one answer is due to whoever has asked, and none to
    whoever has not asked yet.
    """
    asked = next(
        (
            place
            for place, spoken in enumerate(transcript)
            if spoken.speaker is Side.CLIENT
            and spoken.layer is Layer.SECURE
            and spoken.data == subject.question
        ),
        len(transcript),
    )
    unasked = said(transcript[:asked], Side.SERVER, Layer.SECURE)
    if len(subject.answer.findall(unasked)) > subject.owed:
        return unasked
    whole = said(transcript, Side.SERVER, Layer.SECURE)
    return whole if len(subject.answer.findall(whole)) > subject.owed + 1 else b""


def answered(transcript: Transcript, subject: Subject) -> bool:
    """Tell whether the question inside TLS got its answer, where there is one."""
    heard = said(transcript, Side.SERVER, Layer.SECURE)
    due = subject.owed + bool(subject.question)
    return len(subject.answer.findall(heard)) >= due


def slowest(transcript: Transcript, *, inside: bool) -> float:
    """Return the longest that a server took for an answer, `inside` TLS or to anything, in seconds.

    Where there is nothing to ask inside, the time for answers in clear has to stand in.
    """
    longest, asked = 0.0, None
    for spoken in transcript:
        if inside and spoken.layer is not Layer.SECURE:
            continue
        if spoken.speaker is Side.CLIENT:
            asked = spoken.at
        elif asked is not None:
            longest, asked = max(longest, spoken.at - asked), None
    return longest


def compared(state: State, clear: bytes, never: bytes, inside: bytes) -> tuple[Result, str]:
    """Judge the answers that three sessions got: told in clear, never told, told inside TLS."""
    success = state.shows.success
    if clear == never == inside:
        return state.alike, "nothing hangs on it, as far as answers tell"
    if clear == inside:
        return Result.VULNERABLE, "it answers as if that had been said inside TLS"
    if clear == never or (success.match(inside) and not success.match(clear)):
        return Result.CLEAN, "forgotten"
    return Result.UNKNOWN, "the answers do not tell whether it is kept"
