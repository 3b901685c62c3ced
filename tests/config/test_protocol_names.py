"""What protocols are called, and what is said of a name that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from toplists.config.protocol_calls import WAYS
from toplists.config.protocol_names import (
    Drawn,
    GivenNegatives,
    Protocol,
    ProtocolName,
    parse_protocol,
)
from toplists.config.protocol_ways import (
    ColdItems,
    ColdUsers,
    Days,
    Given,
    Hashed,
    KFold,
    KFoldUsers,
    Last,
    LeaveOneOut,
    Random,
    RandomPerUser,
    Ratios,
)

NAMES = {
    "days(30)": Days("days", 1, 30),
    "days(30,gap=7)": Days("days", 1, 30, 7),
    "last(5)": Last(5),
    "loo": LeaveOneOut(),
    "hash(20%)": Hashed(2_000),
    "random(12.5%)": Random(1_250),
    "random(20%,seed=3)": Random(2_000, 3),
    "random_per_user(20%)": RandomPerUser(2_000),
    "kfold(5)": KFold(5),
    "kfold_users(5,seed=1)": KFoldUsers(5, 1),
    "cold_users(10%)": ColdUsers(1_000),
    "cold_items(10%)": ColdItems(1_000),
    "rolling(3,30,gap=7)": Days("rolling", 3, 30, 7),
    "replay(7)": Days("replay", 7, 1),
    "ratios(80/10/10)": Ratios(8_000, 1_000, 1_000),
    "ratios(80/20,seed=4)": Ratios(8_000, 0, 2_000, 4),
    "given(/data/my, old (1)/folds)": Given("/data/my, old (1)/folds"),
}


@pytest.mark.parametrize(("text", "way"), NAMES.items())
def test_a_name_says_how_to_split_and_is_what_is_shown(text: str, way: object) -> None:
    assert parse_protocol(text) == Protocol(way)
    assert str(parse_protocol(text)) == text


def test_every_way_has_a_name_here() -> None:
    assert {text.partition("(")[0] for text in NAMES} == set(WAYS)


def test_what_narrows_a_protocol_is_part_of_its_name() -> None:
    text = "loo, value>=3.5, known users only, known items only, sampled(100,seed=2)"
    expected = Protocol(LeaveOneOut(), 3.5, True, True, Drawn(100, 2))
    assert parse_protocol(text) == expected
    assert str(expected) == text
    # In any order, and with any spaces.
    loose = " loo ,sampled( 100, seed = 2 ),known  items only, value >= 3.50,known users only"
    assert parse_protocol(loose) == expected


@given(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 9_999), st.integers(0, 10**9)
)
def test_nothing_is_lost_in_a_name(value: float, share: int, seed: int) -> None:
    protocol = Protocol(Random(share, seed), value)
    assert parse_protocol(str(protocol)) == protocol


def test_items_to_rank_among_may_be_given() -> None:
    assert parse_protocol("loo, sampled(/a, b)").negatives == GivenNegatives("/a, b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no protocol ''"),
        ("lats(5)", "Did you mean last?"),
        ("last", "write it as in last(5)"),
        ("last(1, 2)", "write it as in last(5)"),
        ("loo(3)", "write it as in loo"),
        ("last(0)", "a whole number from 1"),
        ("last(-1)", "a whole number from 1"),
        ("last(5.5)", "a whole number from 1"),
        ("last(\N{ARABIC-INDIC DIGIT FIVE})", "a whole number from 1"),
        ("last(99999999999999999999999)", "to 1,000,000,000"),
        ("days(100000000)", "to 36,500"),
        ("rolling(1000,1000)", "to 36 where"),  # else it goes back beyond the first year
        ("days(30,gap=-1)", "a whole number from 0"),
        ("kfold(1)", "a whole number from 2"),
        ("random(0.2)", "in percent, as in random(20%)"),
        ("random(0%)", "above 0% and below 100%"),
        ("random(100%)", "above 0% and below 100%"),
        ("random(-20%)", "above 0% and below 100%"),
        ("random(nan%)", "in percent"),
        ("random(20%,sed=1)", "there is no option but seed"),
        ("replay(7,gap=1)", "there is no option at all"),
        ("ratios(80/10)", "adds up to 90%"),
        ("ratios(100)", "two or three parts"),
        ("ratios(80/0/20)", "above 0%"),
        ("given()", "given(FOLDER)"),
        ("last(5", "a bracket without its counterpart"),
        ("last(5))", "a bracket without its counterpart"),
        ("loo, known user only", "Did you mean known users only?"),
        ("loo, value>=good", "no number behind >="),
        ("loo, value>=nan", "no number behind >="),
        ("loo, value>=4, value>=5", "twice"),
        ("loo, sampled(10), sampled(20)", "twice"),
        ("loo, sampled(0)", "a whole number from 1"),
        ("loo, sampled()", "sampled(100)"),
        ("loo, days(3)", "a second way to split"),
        ("loo,", "nothing is narrowed by ''"),
        ("cold_users(10%), known users only", "leave out 'known users only'"),
        ("kfold_users(5), known users only", "leave out 'known users only'"),
        ("cold_items(10%), known items only", "leave out 'known items only'"),
    ],
)
def test_a_text_that_is_no_protocol_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".+") as refused:
        parse_protocol(text)
    sentence = str(refused.value)
    assert said in sentence
    assert "\n" not in sentence


def test_a_setting_may_be_a_protocol() -> None:
    setting = TypeAdapter(ProtocolName)
    assert setting.validate_python("rolling( 3, 30 )") == "rolling(3,30)"
    with pytest.raises(ValidationError, match=r"Did you mean loo\?"):
        setting.validate_python("lo")
