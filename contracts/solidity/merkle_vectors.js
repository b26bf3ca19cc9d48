// Prints tests/vectors/merkle.json: payout trees as OpenZeppelin's own JavaScript builds them.
"use strict";

const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");

const TYPES = ["uint256", "address", "address", "uint256"];
const POOL = "0x" + "ab".repeat(20);

function row(i) {
  const payee = "0x" + ((BigInt(i) * 0x9e3779b97f4a7c15n + 1n) << 64n).toString(16).padStart(40, "0");
  return ["31337", POOL, payee, (BigInt(i) * 10n ** 18n + 7n).toString()];
}

function vector(n) {
  const leaves = Array.from({ length: n }, (_, i) => row(i));
  const tree = StandardMerkleTree.of(leaves, TYPES);
  const shown = n <= 9 ? leaves.map((_, i) => i) : [0, 1, 42, 63, 64, n - 1];
  return { leaves, root: tree.root, proofs: shown.map((i) => ({ leaf: i, proof: tree.getProof(i) })) };
}

const vectors = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100].map(vector);
process.stdout.write(JSON.stringify({ types: TYPES, vectors }, null, 1) + "\n");
