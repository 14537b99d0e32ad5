"""Failed sign-in attempts cause delays, use bounded memory, and lock no one else out."""

import math
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.problems.api import TooManyRequests
from webhook_gateway.http.sign_in_limits import PasswordCheckLimiter, SignInLimits, network_of

HOME, ELSEWHERE = "198.51.100.7", "203.0.113.5"
DAY = 86_400


@dataclass
class Clock:
    """A clock that changes only when a test sets it."""

    now: float = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class Guesser:
    """Tries passwords as fast as the limits allow and counts them."""

    limits: SignInLimits
    clock: Clock
    tries: int = 0
    delays: list[float] = field(default_factory=list)

    def guess(self, account: str, address: str) -> bool:
        """Try once and return whether the attempt was allowed."""
        wait = self.limits.record_attempt(account, address)
        self.tries += not wait
        self.delays.append(wait)
        return not wait

    def guess_for(self, seconds: float, account: str, address: str) -> int:
        """Guess whenever it is allowed and return the number of guesses."""
        until, before = self.clock.now + seconds, self.tries
        while self.clock.now < until:
            if not self.guess(account, address):
                self.clock.now += self.delays[-1]
        return self.tries - before


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> SignInLimits:
    return SignInLimits(clock)


@pytest.fixture
def guesser(limits: SignInLimits, clock: Clock) -> Guesser:
    return Guesser(limits, clock)


def test_delays_grow_from_the_fourth_wrong_password_on(guesser: Guesser, clock: Clock) -> None:
    assert [guesser.guess("ada", HOME) for _ in range(4)] == [True, True, True, False]
    for _ in range(6):
        clock.now += guesser.delays[-1]
        assert guesser.guess("ada", HOME)
        assert not guesser.guess("ada", HOME)
    delays = [delay for delay in guesser.delays if delay]
    assert delays == sorted(delays)
    assert delays[0] == pytest.approx(1, abs=0.1)
    assert delays[-1] > 32


def test_a_day_of_guessing_from_one_address_is_a_few_hundred_tries(guesser: Guesser) -> None:
    assert guesser.guess_for(DAY, "ada", HOME) < 400


def test_concurrent_attempts_gain_nothing_over_sequential_ones(limits: SignInLimits) -> None:
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(lambda _: limits.record_attempt("ada", HOME), range(64)))
    assert waits.count(0) == 3


def test_the_right_password_ends_the_delays(limits: SignInLimits) -> None:
    for _ in range(2):
        limits.record_attempt("ada", HOME)
    assert limits.record_attempt("ada", HOME) == 0
    limits.record_success("ada", HOME)
    assert [limits.record_attempt("ada", HOME) for _ in range(3)] == [0, 0, 0]


def test_after_a_pause_the_delays_end(guesser: Guesser, clock: Clock) -> None:
    guesser.guess_for(DAY, "ada", HOME)
    clock.now += 7_200
    assert guesser.guess("ada", HOME)


def test_one_address_may_guess_only_so_many_names(guesser: Guesser, clock: Clock) -> None:
    made = [guesser.guess(f"name {number}", HOME) for number in range(60)]
    assert made.count(True) == 20
    clock.now += 60
    assert guesser.guess("ada", HOME), "a campus behind the address waits for a minute at most"


def test_one_account_is_guessed_from_many_addresses_every_ten_seconds_at_most(
    guesser: Guesser, clock: Clock
) -> None:
    begun = clock.now
    for number in range(2_000):
        if not guesser.guess("ada", f"10.0.{number // 250}.{number % 250}"):
            clock.now += 1
    at_once, new_addresses = 20 + 5, 500 + (clock.now - begun) / 60 + 1
    assert guesser.tries <= at_once + new_addresses + (clock.now - begun) / 10


def test_guesses_from_elsewhere_do_not_lock_out_a_known_address(
    limits: SignInLimits, clock: Clock
) -> None:
    assert limits.record_attempt("ada", HOME) == 0
    limits.record_success("ada", HOME)
    for number in range(600):
        limits.record_attempt("ada", f"10.0.{number // 250}.{number % 250}")
    assert limits.record_attempt("ada", ELSEWHERE) > 0, (
        "from a new address the owner waits, for seconds"
    )
    assert limits.record_attempt("ada", ELSEWHERE) <= 10
    assert limits.record_attempt("ada", HOME) == 0
    clock.now += 31 * DAY
    for number in range(600):
        limits.record_attempt("ada", f"10.0.{number // 250}.{number % 250}")
    assert limits.record_attempt("ada", HOME) > 0, "known for 30 days"


def attacked(limits: SignInLimits, clock: Clock, addresses: int, seconds: int) -> Iterator[int]:
    """Yield every quarter of a second, in which another one of many addresses guesses."""
    for second in range(seconds * 4):
        limits.record_attempt("ada", f"10.1.{second % addresses // 250}.{second % addresses % 250}")
        clock.now += 0.25
        yield second


def polite_wait(
    limits: SignInLimits, clock: Clock, addresses: int, device: str | None = None
) -> float:
    """Sign in as an owner who observes every delay and return the total waiting time."""
    begun = due = clock.now
    for _ in attacked(limits, clock, addresses, 600):
        if clock.now >= due:
            wait = limits.record_attempt("ada", ELSEWHERE, device)
            if not wait:
                return clock.now - begun
            due = clock.now + math.ceil(wait)
    return math.inf


def test_a_hundred_guessing_addresses_do_not_lock_an_owner_out_at_a_new_address(
    limits: SignInLimits, clock: Clock
) -> None:
    """They once used up every permitted attempt, because refused attempts cost nothing."""
    for _ in attacked(limits, clock, 100, 3_600):
        pass
    assert polite_wait(limits, clock, 100) < 60


def test_no_number_of_addresses_locks_an_owner_out_on_a_device_of_theirs(
    limits: SignInLimits, clock: Clock
) -> None:
    for _ in attacked(limits, clock, 60_000, 3_600):
        pass
    assert polite_wait(limits, clock, 60_000, "device") < 60


def test_guesses_on_a_device_are_delayed_wherever_it_is(limits: SignInLimits) -> None:
    waits = [limits.record_attempt("ada", f"10.0.0.{number}", "device") for number in range(4)]
    assert [bool(wait) for wait in waits] == [False, False, False, True]


def test_a_day_of_guesses_from_any_number_of_addresses_is_bounded(
    limits: SignInLimits, clock: Clock
) -> None:
    made = 0
    for number in range(DAY):
        made += not limits.record_attempt(
            "ada", f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1"
        )
        clock.now += 1
    assert made < 20 + 500 + DAY / 10 + DAY / 60 + 100


def test_a_canceled_attempt_leaves_an_address_new(limits: SignInLimits, clock: Clock) -> None:
    for _ in attacked(limits, clock, 100, 600):
        pass
    assert limits.record_attempt("ada", ELSEWHERE) == 0
    limits.cancel_attempt("ada", ELSEWHERE)
    assert limits.record_attempt("ada", ELSEWHERE) == 0


def test_names_differ_by_more_than_case(limits: SignInLimits) -> None:
    for name in ("ada", "Ada", "ADA"):
        limits.record_attempt(name, HOME)
    assert limits.record_attempt("aDa", HOME) > 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_addresses_are_counted_by_the_network_that_one_person_has(
    address: str, counted: str
) -> None:
    assert network_of(address) == counted


@given(st.text(), st.text())
def test_whatever_a_name_and_an_address_are_they_are_counted(name: str, address: str) -> None:
    limits = SignInLimits(Clock())
    assert [bool(limits.record_attempt(name, address)) for _ in range(4)] == [False] * 3 + [True]


def test_names_that_an_attacker_makes_up_take_no_memory(limits: SignInLimits) -> None:
    tables = (limits.pairs, limits.addresses, limits.accounts, limits.newcomers)

    def size() -> int:
        return sum(sys.getsizeof(table._counts) + sys.getsizeof(table._times) for table in tables)

    before = size()
    for number in range(20_000):
        limits.record_attempt(f"name {number}", f"2001:db8:{number:x}::1")
    assert size() == before < 5_000_000


def test_few_passwords_are_checked_at_once_and_some_wait() -> None:
    checks = PasswordCheckLimiter(at_once=2, waiting=3, seconds=30)
    inside, limit, lock = 0, 0, threading.Lock()
    refused, entered = [], threading.Semaphore(0)
    leave = threading.Event()

    def check() -> None:
        nonlocal inside, limit
        try:
            with checks.slot():
                with lock:
                    inside += 1
                    limit = max(limit, inside)
                entered.release()
                assert leave.wait(30)
                with lock:
                    inside -= 1
        except TooManyRequests as problem:
            refused.append(problem.seconds)
            entered.release()

    threads = [threading.Thread(target=check) for _ in range(12)]
    for thread in threads:
        thread.start()
    for _ in range(2 + 7):
        assert entered.acquire(timeout=30)
    leave.set()
    for thread in threads:
        thread.join(30)

    assert limit == 2
    assert refused == [30] * 7


def test_waiting_too_long_for_a_password_check_gets_a_retry_after() -> None:
    checks = PasswordCheckLimiter(at_once=1, waiting=1, seconds=0)
    with checks.slot(), pytest.raises(TooManyRequests), checks.slot():
        pytest.fail("there is one slot")
    with checks.slot():
        pass
