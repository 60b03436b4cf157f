"""The store's sessions with a primary that has a standby: which host they are with, and what they may be told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from reference_server.database import Database
from reference_server.errors import Away, StartError, Unknown
from reference_server.postgres.hosts import hosts_in
from reference_server.postgres.place import Postgres
from reference_server.postgres.presence import Presence
from reference_server.store import Store
from reference_server.task import Checkpoint
from tests.reference_server.postgres_tasks import DEADLINE_S, submitted
from tests.reference_server.standby import Pair, ask, until

LASTS = "UPDATE reference_server.workers SET expires_at = clock_timestamp() + INTERVAL '1 hour'"
AFTER = Checkpoint(cursor=2, digest="d", message="m")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with closing(Pair(tmp_path)) as pair:
        yield pair


@pytest.fixture
def opened(pair: Pair) -> Iterator[Callable[..., Postgres]]:
    """Places at both hosts, as different processes have them; closed at the end."""
    with ExitStack() as closed:

        def another(url: str = "") -> Postgres:
            place = Postgres(url or pair.url)
            closed.callback(place.close)
            return place

        another().prepare()
        yield another


def port_with(database: Database) -> int:
    return int(database.execute("SELECT inet_server_port()").fetchone()[0])


def port_of(place: Postgres) -> int:
    with closing(place.connect(0.0)) as database:
        return port_with(database)


def test_each_host_of_a_url_has_its_port_and_must_take_writes() -> None:
    writes = {"target_session_attrs": "read-write"}
    assert hosts_in({"host": "a"}) == [{}]
    assert hosts_in({"host": "a,b", "port": "1"}) == [{**writes, "host": h, "port": "1"} for h in "ab"]
    assert hosts_in({"host": "a,b", "port": ",2"}) == [
        {**writes, "host": "a", "port": ""},
        {**writes, "host": "b", "port": "2"},
    ]
    given = {"host": "/a,/b", "hostaddr": "::1,::2", "target_session_attrs": "primary"}
    assert hosts_in(given) == [{"host": "/a", "hostaddr": "::1"}, {"host": "/b", "hostaddr": "::2"}]
    assert str(Postgres("postgresql://me:secret@a,b:2/tasks")) == "postgresql://a:5432,b:2/tasks"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@a:1,b:2,c/tasks?port=1,2",
        "postgresql://me:100%secret@a,b/tasks",
        "postgresql://me:secret@[::1]a,b/tasks",
        "postgresql://me:se/secret@a,b/tasks",
        "postgresql://me:the@secret@a,b/tasks",
    ],
)
def test_what_cannot_be_the_url_of_several_hosts_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StartError, match="--store") as refused:
        Postgres(url)
    assert "secret" not in str(refused.value)


def test_of_two_that_take_writes_the_one_that_was_promoted_is_the_store(
    pair: Pair, opened: Callable[..., Postgres]
) -> None:
    old, place = pair.primary, opened()
    assert port_of(place) == old.port
    pair.kill()
    pair.promote()
    pair.restart(old)
    ask(old, "ALTER SYSTEM SET synchronous_standby_names = ''")
    ask(old, "SELECT pg_reload_conf()")
    assert port_of(place) == port_of(opened()) == pair.primary.port, "the old one stands first, and is alive"
    pair.kill()
    with pytest.raises(Away, match="is an old primary"):
        port_of(place)
    assert port_of(opened(old.url)) == old.port, "there is nobody else"


def test_who_learns_of_a_promotion_leaves_the_old_primary_though_it_lives(
    pair: Pair, opened: Callable[..., Postgres]
) -> None:
    place, old = opened(), pair.primary
    with closing(place.connect(0.0)) as one, closing(place.connect(0.0)) as other, closing(place.work()) as present:
        assert port_with(one) == old.port
        pair.promote()
        term = present.term()
        assert port_with(one) == old.port, "nobody has told it"
        assert port_with(other) == pair.primary.port, "a new session looks at both"
        assert port_with(one) == pair.primary.port
        until(lambda: present.term() > term, "its lease begins anew")
        mine = "SELECT count(*) FROM reference_server.workers WHERE timeline LIKE '%2'"
        until(lambda: ask(pair.primary, mine) == 1, "where it counts")


@pytest.mark.soak
def test_who_asks_nobody_anew_learns_of_a_promotion_within_a_lease(pair: Pair, opened: Callable[..., Postgres]) -> None:
    """By looking at all hosts now and then: an old primary that is alive tells nobody."""
    place, old = opened(), pair.primary
    with closing(place.connect(0.0)) as one, closing(place.work()):
        assert port_with(one) == old.port
        pair.promote()
        assert port_with(one) == old.port
        until(lambda: port_with(one) == pair.primary.port, "it has looked", deadline_s=8.0)


def test_a_commit_whose_wait_for_the_standby_was_ended_is_unknown(pair: Pair, opened: Callable[..., Postgres]) -> None:
    with closing(Store(opened())) as store, closing(Store(opened())) as other:
        submitted(store, "t")
        with store.transaction():
            task = store.claim("t", "me", [])[0]
        pair.part()
        cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        canceling = threading.Thread(target=lambda: until(lambda: ask(pair.primary, cancel), "somebody commits"))
        canceling.start()
        with pytest.raises(Unknown, match="whether a standby has it"), store.transaction():
            store.commit_batch(task, ["{}", "{}"], AFTER)
        canceling.join(DEADLINE_S)
        pair.join()
        assert store.get("t").step == other.get("t").step == 1


@pytest.mark.soak
def test_nobody_is_told_what_the_standby_does_not_have(pair: Pair, opened: Callable[..., Postgres]) -> None:
    """A primary that was killed in the middle of a COMMIT, and comes back, has the batch."""
    with closing(Store(opened())) as store, closing(Store(opened())) as other:
        submitted(store, "t")
        with store.transaction():
            task = store.claim("t", "me", [])[0]
        pair.part()

        def commit() -> None:
            with pytest.raises(Unknown), store.transaction():
                store.commit_batch(task, ["{}", "{}"], AFTER)

        committing = threading.Thread(target=commit)
        committing.start()
        pair.wait_for_a_commit_that_waits()
        pair.kill()
        committing.join(DEADLINE_S)
        pair.restart(pair.primary)
        assert ask(pair.primary, "SELECT step FROM reference_server.tasks") == 1
        with pytest.raises(Away, match="no answer"):
            other.get("t")
        pair.kill()
        pair.promote()
        assert other.get("t").step == 0


def test_a_promotion_makes_nobody_dead_and_what_is_told_then_is_heard(
    pair: Pair, opened: Callable[..., Postgres]
) -> None:
    heard: list[str] = []
    with ExitStack() as closed:
        places = [opened() for _ in range(2)]
        leaving = closed.enter_context(ExitStack())
        alive = leaving.enter_context(closing(places[0].work()))
        late = closed.enter_context(closing(places[1].work()))
        one, other = (closed.enter_context(closing(Store(place, DEADLINE_S))) for place in places)
        alive.listen(heard.append)
        submitted(one, "t")
        with one.transaction():
            one.claim("t", alive.me, [])
        until(lambda: ask(pair.standby, "SELECT count(*) FROM reference_server.workers") == 2, "the leases are there")
        terms = alive.term(), late.term()
        pair.kill()
        pair.promote()
        ask(pair.primary, LASTS)
        assert dict(other.claimable([])) == {}, "its lease goes on, though its session has ended"
        until(lambda: alive.term() > terms[0] and late.term() > terms[1], "they have come back")
        assert dict(other.claimable([])) == {}
        submitted(other, "news")
        until(lambda: "news" in heard, "it is told")
        leaving.close()
        until(lambda: "t" in dict(other.claimable([])), "it has left")


def test_who_does_not_come_back_is_dead_once_his_lease_has_run_out(pair: Pair, opened: Callable[..., Postgres]) -> None:
    """By the clock of the one that was promoted."""
    with closing(Store(opened(), DEADLINE_S)) as store, closing(Store(opened(), DEADLINE_S)) as other:
        gone: Presence = opened().work()
        submitted(store, "t")
        with store.transaction():
            store.claim("t", gone.me, [])
        until(lambda: ask(pair.standby, "SELECT count(*) FROM reference_server.workers") == 1, "the lease is there")
        pair.kill()
        gone._closing = True  # its process has died with its host
        until(lambda: not gone._thread.is_alive(), "nobody of it tries to come back")
        pair.promote()
        ask(pair.primary, LASTS)
        assert dict(other.claimable([])) == {}
        ask(pair.primary, "UPDATE reference_server.workers SET expires_at = clock_timestamp() - INTERVAL '1 ms'")
        assert "t" in dict(other.claimable([]))
        gone.close()
