#!/usr/bin/env node
// The pinned compiler with the three options by which forge calls a native one.
"use strict";

const path = require("path");
const solc = require("solc");

if (process.argv.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (process.argv.includes("--standard-json")) {
  require(path.join(__dirname, "compile.js"));
} else {
  process.stderr.write("solc.js: error: only --version and --standard-json are understood\n");
  process.exitCode = 2;
}
