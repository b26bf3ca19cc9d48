from collections import Counter

import numpy as np
import pytest

from examples.spam_detection.cleaning import Mail
from examples.spam_detection.split import Split, partition, split_by_thread
from federation.errors import ConfigError


def _mails(count: int = 1000, *, threads: int = 600) -> list[Mail]:
    generator = np.random.Generator(np.random.PCG64(7))
    return [
        Mail(text=f"mail {i}", label=bool(i % 10 < 3), thread=f"{i % 10 < 3}{generator.integers(threads)}")
        for i in range(count)
    ]


def _parts(split: Split) -> tuple[tuple[Mail, ...], ...]:
    return split.train, split.validation, split.test


def test_split_keeps_every_mail_once() -> None:
    mails = _mails()
    split = split_by_thread(mails, seed=0)
    assert sorted(mail.text for part in _parts(split) for mail in part) == sorted(mail.text for mail in mails)


def test_no_thread_is_in_two_parts() -> None:
    threads = [{mail.thread for mail in part} for part in _parts(split_by_thread(_mails(), seed=0))]
    assert sum(map(len, threads)) == len(set.union(*threads))


def test_parts_have_their_sizes_and_the_same_mix_of_labels() -> None:
    parts = _parts(split_by_thread(_mails(), seed=0))
    assert [len(part) for part in parts] == pytest.approx([700, 100, 200], abs=8)
    assert [np.mean([mail.label for mail in part]) for part in parts] == pytest.approx([0.3] * 3, abs=0.03)


def test_parts_keep_their_sizes_when_one_thread_is_large() -> None:
    mails = _mails() + [Mail(text=f"long {i}", label=False, thread="long") for i in range(60)]
    assert [len(part) for part in _parts(split_by_thread(mails, seed=3))] == pytest.approx(
        [742, 106, 212], abs=8
    )


def test_split_follows_the_seed_alone() -> None:
    mails = _mails()
    assert split_by_thread(mails, seed=1) == split_by_thread(mails, seed=1)
    assert split_by_thread(mails, seed=1) != split_by_thread(mails, seed=2)


@pytest.mark.parametrize("members", [1, 5, 20, 45])
def test_partition_gives_exactly_the_asked_shares_none_small_none_overlapping(members: int) -> None:
    mails = _mails()
    shares = partition(mails, members=members, seed=0)
    assert len(shares) == members
    assert all(len(share) >= 10 for share in shares)
    dealt = Counter(mail.text for share in shares for mail in share)
    assert set(dealt.values()) == {1}
    assert dealt.keys() <= {mail.text for mail in mails}
    assert sum(dealt.values()) > 0.8 * len(mails)


def test_shares_are_unequal_in_size_and_mix_when_alpha_is_small() -> None:
    def spread(alpha: float) -> tuple[float, float]:
        shares = partition(_mails(4000), members=10, seed=0, alpha=alpha)
        mixes = [np.mean([mail.label for mail in share]) for share in shares]
        return max(map(len, shares)) / min(map(len, shares)), max(mixes) - min(mixes)

    skewed, even = spread(0.5), spread(1000.0)
    assert skewed[0] > 3 > even[0]
    assert skewed[1] > 0.3 > even[1]


def test_partition_follows_the_seed_alone() -> None:
    mails = _mails()
    assert partition(mails, members=5, seed=1) == partition(mails, members=5, seed=1)
    assert partition(mails, members=5, seed=1) != partition(mails, members=5, seed=2)


def test_partition_works_when_one_class_is_missing() -> None:
    mails = [mail for mail in _mails() if mail.label]
    assert len(partition(mails, members=5, seed=0)) == 5


@pytest.mark.parametrize(
    ("members", "alpha", "minimum"),
    [(0, 0.5, 10), (5, 0.0, 10), (5, float("nan"), 10), (5, 0.5, 0), (11, 0.5, 10), (10, 0.5, 10)],
)
def test_partition_is_refused_when_it_cannot_be_done(members: int, alpha: float, minimum: int) -> None:
    with pytest.raises(ConfigError):
        partition(_mails(100), members=members, seed=0, alpha=alpha, minimum=minimum)
