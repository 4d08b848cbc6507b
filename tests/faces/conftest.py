"""No test of a face sees the history, the table or the configuration of whoever runs it."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """No history and no table but those of the test, and no wishes about colour."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "UNSTRIP_TRACEBACK", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path
