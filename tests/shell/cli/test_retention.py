"""How long ended sagas stay: the user's configuration file (FACTS 1.4)."""

from pathlib import Path

import pytest

from saga_shell.cli.retention import Retention, config_path, configured_retention

DEFAULT = Retention(7.0)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Where the file is, in a home directory."""
    path = config_path(tmp_path)
    path.parent.mkdir()
    assert path == tmp_path / ".agentmux" / "config.toml"
    return path


def test_no_file_is_the_silent_default(config: Path) -> None:
    """FACTS 1.4: without a file it is 7 days and no warning; a missing directory is the same."""
    assert configured_retention(config) == DEFAULT
    config.parent.rmdir()
    assert configured_retention(config) == DEFAULT
    config.parent.touch()
    assert configured_retention(config) == DEFAULT


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("[saga.launcher]\nretention_days = 30", 30.0),
        ("[saga.launcher]\nretention_days = 0.5\nother = 1\n[unknown]\nkey = 2", 0.5),
        ("[saga.launcher]", 7.0),
        ("[saga.srv]\nretention_days = 3", 7.0),
        ("", 7.0),
    ],
)
def test_what_the_file_says(config: Path, text: str, days: float) -> None:
    """FACTS 1.4: table `saga.launcher`, key `retention_days`; unknown keys are tolerated."""
    config.write_text(text)
    assert configured_retention(config) == Retention(days)


@pytest.mark.parametrize(
    "text",
    [
        "[saga.launcher]\nretention_days = 0",
        "[saga.launcher]\nretention_days = -1",
        "[saga.launcher]\nretention_days = inf",
        "[saga.launcher]\nretention_days = nan",
        "[saga.launcher]\nretention_days = 1e9",
        "[saga.launcher]\nretention_days = true",
        '[saga.launcher]\nretention_days = "7"',
        "saga = 7",
        "[saga.launcher",
        "retention = [" * 10_000,
    ],
)
def test_what_cannot_be_used_is_the_default_with_a_warning(config: Path, text: str) -> None:
    """FACTS 1.4: malformed or not positive is the default, and one line that names the file."""
    config.write_text(text)
    retention = configured_retention(config)
    assert retention.days == DEFAULT.days
    assert retention.warning is not None
    assert retention.warning.startswith(f"{config}: ")
    assert "\n" not in retention.warning


def test_a_file_that_cannot_be_read(config: Path) -> None:
    """FACTS 1.4: unreadable, or not UTF-8, is the default with a warning."""
    config.write_bytes(b"\xff\xfe")
    assert configured_retention(config).warning is not None
    config.unlink()
    config.mkdir()
    warning = configured_retention(config).warning
    assert warning is not None
    assert "Is a directory" in warning
