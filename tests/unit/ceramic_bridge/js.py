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
