"""operator.toml: every key has a default and a meaning, and all faults are told at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.operator.config import OperatorConfig, on_loopback, split_address
from federation.errors import ConfigError


def refusal(text):
    with pytest.raises(ConfigError) as caught:
        OperatorConfig.from_toml(text)
    return caught.value


def test_defaults_are_read_back_when_they_are_written():
    text = OperatorConfig().to_toml()
    assert OperatorConfig.from_toml(text) == OperatorConfig() == OperatorConfig.from_toml("")
    assert text.count("\n# ") == sum(
        len(getattr(OperatorConfig(), name).model_dump()) for name in OperatorConfig.model_fields
    )


@given(key=st.text(min_size=1), host=st.lists(st.text(), min_size=1, max_size=3))
def test_text_is_read_back_when_it_has_any_characters(key, host):
    config = OperatorConfig.of({"account": {"key": key}, "superlink": {"hosts": host}})
    assert OperatorConfig.from_toml(config.to_toml()) == config


def test_all_faults_are_told_with_section_and_hint_when_several_are_wrong():
    error = refusal('[chain]\nrpcs = "x"\nconfirmations = 0\n[desk]\nbind = "x"\n[tea]\n')
    lines = error.hint.splitlines()
    assert "and 3 more" in error.message
    assert any(line.startswith("[chain] confirmations: ") and "counts as done" in line for line in lines)
    assert any(line.startswith("[chain] rpcs: ") and "its keys are rpc, " in line for line in lines)
    assert any(line.startswith("[desk] bind: must be host:port") for line in lines)
    assert any(line.startswith("tea: ") and "the sections are chain, " in line for line in lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[chain", "not TOML"),
        ("[chain]\nconfirmations = '3'", "[chain] confirmations"),
        ("[chain]\nfederation = '0x" + "ab" * 20 + "'", "together or not at all"),
        ("[chain]\nfederation = '0xab'\nregistry = ''", "[chain] federation"),
        ("[desk]\ncertificate = 'a.pem'", "together or not at all"),
        ("[desk]\nbind = '127.0.0.1:99999'", "[desk] bind"),
        ("[desk]\npublic_url = 'ftp://x'", "[desk] public_url"),
        ("[events]\nnode = 'https://me:secret@x'", "[events] node"),
        ("[superlink]\nexisting = '127.0.0.1:1'", "authority"),
        ("[superlink]\ncertificate = 'a'\nkey = 'b'", "authority"),
        ("[superlink]\nhosts = []", "[superlink] hosts"),
        ("[timeouts]\nmembers = 0", "[timeouts] members"),
        ("[timeouts]\nmembers = nan", "[timeouts] members"),
        ("chain = 3", "chain"),
    ],
)
def test_file_is_refused_when_a_value_is_wrong(text, said):
    error = refusal(text)
    assert said in f"{error.message} {error.hint}"
    assert "secret" not in error.message


@pytest.mark.parametrize(
    ("text", "parts", "local"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80), True),
        ("[::1]:0", ("::1", 0), True),
        ("localhost:1", ("localhost", 1), True),
        ("0.0.0.0:9092", ("0.0.0.0", 9092), False),
        ("example.org:1", ("example.org", 1), False),
    ],
)
def test_address_is_split_and_known_to_be_local(text, parts, local):
    assert split_address(text) == parts
    assert on_loopback(text) is local
