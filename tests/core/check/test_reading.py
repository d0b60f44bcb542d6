"""What a step looks at of a state is noted, and nothing else."""

from saga_core.check.worlds.reading import Flag


def test_a_flag_notes_that_its_value_was_asked_for() -> None:
    """DESIGN 4: whoever asks whether the log fails decides by it; who passes it on does not."""
    kept, asked, compared = Flag(False), Flag(True), Flag(True)
    assert kept == kept  # noqa: PLR0124 -- an unchanged state is found by comparing it with itself
    assert not kept.read
    assert bool(asked)
    assert asked.read
    assert compared == True  # noqa: E712 -- the comparison is what is tested
    assert compared.read
    assert hash(Flag(True)) == hash(True)
