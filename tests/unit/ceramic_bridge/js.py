"""What the JavaScript libraries write, and the keys they are given to write it with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "js"

KEYS = [
    {"kind": "ed25519", "secret": bytes(range(32)).hex()},
    {"kind": "ed25519", "secret": "b0" * 32},
    {"kind": "secp256k1", "secret": "07" * 32},
]

MODEL = "kjzl6hvfrbw6cb6cwrj9bdykj3rw67um446y6oyi6kksmlio0fur7pwhc36b6ci"

SCHEMA = {
    "type": "object",
    "$defs": {"Word": {"type": "string", "maxLength": 20}},
    "properties": {
        "word": {"$ref": "#/$defs/Word"},
        "share": {"type": "number", "minimum": 0.5, "maximum": 1.0},
        "list": {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
    },
    "required": ["word"],
    "additionalProperties": False,
}

EMPTY_SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}


def _definition(relation: Any, schema: Any = SCHEMA, **more: Any) -> dict[str, Any]:
    fixed = {"version": "2.0", "name": "Note", "interface": False, "implements": []}
    return {**fixed, "accountRelation": relation, "schema": schema, **more}


def _grant(**fields: Any) -> dict[str, Any]:
    return {
        "domain": "js.example",
        "uri": "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd",
        "nonce": "abcdef1234",
        "issuedAt": "2026-01-02T03:04:05.678Z",
        "chainId": "1",
        **fields,
    }


_TIMES = {"expirationTime": "2046-01-02T03:04:05.678Z", "notBefore": "2026-01-02T03:04:05.678Z"}

REQUEST = {
    "keys": KEYS,
    "wallet": "11" * 32,
    "contents": [
        {"text": "héllo 漢🙂", "n": 42},
        {"numbers": [0, -1, 1.5, -0.1, 1e300, 1e-300, 2**53 - 1, -(2**53 - 1), 5e-324]},
        {"": {"a": [], "bb": {}, "aaa": None}, "t": True, "long": "x" * 300},
    ],
    "texts": [
        "[1e21,1.0,-0.0,0.5,4294967296,-4294967297]",
        '{"b":1,"a":2,"aa":3,"\\u00e9":4,"z":{"10":1,"9":2}}',
        '[true,false,null,"",[],{}]',
        "[23,24,255,256,65535,65536,4294967295,-24,-25,-256,-257,-65536,-65537,-4294967296,1e-7,1e22]",
        '{"__proto__":1,"constructor":2,"\\u0000":3,"e\\u0301":4,"\\u00e9":5,"\\ufeff":6,"\\ud83d\\ude42":7,"\\uffff":8}',
        json.dumps({"k" * size: "v" * size for size in (1, 22, 23, 24, 25, 255, 256, 257)}),
        "[" * 30 + "]" * 30,
    ],
    "definitions": [
        _definition({"type": "list"}, EMPTY_SCHEMA),
        _definition({"type": "none"}, interface=True),
        _definition({"type": "set", "fields": []}, immutableFields=[]),
        _definition(
            {"type": "set", "fields": ["word", "share"]},
            description="ünï",
            implements=[MODEL],
            immutableFields=["word"],
            relations={"a": {"type": "document", "model": None}, "b": {"type": "document", "model": MODEL}},
            views={
                "at": {"type": "documentVersion"},
                "of": {"type": "relationSetFrom", "model": MODEL, "property": "word"},
            },
        ),
        {"version": "1.0", "name": "Old", "schema": SCHEMA, "accountRelation": {"type": "single"}},
    ],
    "grants": [
        _grant(),
        _grant(statement="Act for me", resources=["ceramic://*"], **_TIMES),
        _grant(requestId="r-1", resources=[]),
        _grant(
            statement="All of it: 1 + 1 = 2!",
            requestId="r-1",
            resources=["ceramic://*", f"ceramic://*?model={MODEL}", "https://x.example/z?q=1#f"],
            **_TIMES,
        ),
        _grant(domain="[::1]:3000", chainId="137", lower=True),
    ],
}


def run(script: str, request: Any) -> Any:
    """Run a script, or skip where the libraries are not installed; fail there if they are required."""
    node = shutil.which("node")
    if node is None or not (SCRIPTS / "node_modules").is_dir():
        reason = "the JavaScript check needs Node and `npm ci --ignore-scripts` in tests/js"
        if os.environ.get("FOLKMOOT_JS") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(
        [node, script],
        cwd=SCRIPTS,
        input=json.dumps(request).encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)
