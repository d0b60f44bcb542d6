"""The cache of answers (FACTS 2.9; FACTS 8, saga_dispatch)."""

from hypothesis import given
from hypothesis import strategies as st

from saga_shell.host.cache import CAPACITY, AnswerCache


def test_an_answer_is_found_again() -> None:
    """FACTS F-39: the very answer that was given, for that id and kind only."""
    cache: AnswerCache[bytes] = AnswerCache()
    cache.insert((1, "reap_panes"), b"a")
    assert cache.lookup((1, "reap_panes")) == b"a"
    assert cache.lookup((1, "drain_pool_if_last")) is None
    assert cache.lookup((2, "reap_panes")) is None


def test_the_257th_key_forgets_the_oldest() -> None:
    """FACTS F-39: 256 answers are kept."""
    cache: AnswerCache[int] = AnswerCache()
    for saga_id in range(CAPACITY + 1):
        cache.insert((saga_id, "reap_panes"), saga_id)
    assert len(cache) == CAPACITY == 256
    assert cache.lookup((0, "reap_panes")) is None
    assert cache.lookup((1, "reap_panes")) == 1


def test_a_lookup_refreshes() -> None:
    """FACTS F-39, FACTS 8: at a cap of 4, the key that was looked up outlives an older one."""
    cache: AnswerCache[int] = AnswerCache(4)
    for saga_id in (1, 2, 3, 4):
        cache.insert((saga_id, "reap_panes"), saga_id)
    cache.lookup((1, "reap_panes"))
    cache.insert((5, "reap_panes"), 5)
    assert cache.lookup((1, "reap_panes")) == 1
    assert cache.lookup((2, "reap_panes")) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6))))
def test_it_keeps_the_most_recently_used(uses: list[tuple[bool, int]]) -> None:
    """FACTS F-39: whatever the order of uses, a list moved by hand holds the same answers."""
    cache: AnswerCache[int] = AnswerCache(4)
    recent: list[int] = []
    for inserts, saga_id in uses:
        if inserts:
            cache.insert((saga_id, "x"), saga_id)
        else:
            assert cache.lookup((saga_id, "x")) == (saga_id if saga_id in recent else None)
        if inserts or saga_id in recent:
            recent = [*(other for other in recent if other != saga_id), saga_id][-4:]
    assert len(cache) == len(recent)
