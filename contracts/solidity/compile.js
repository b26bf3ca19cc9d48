// Standard JSON in on stdin, standard JSON out on stdout: the pinned compiler, without a command line of its own.
"use strict";

const fs = require("fs");
const path = require("path");
const solc = require("solc");

const roots = [__dirname, path.join(__dirname, "node_modules")];

function readImport(name) {
  for (const root of roots) {
    const file = path.join(root, name);
    if (fs.existsSync(file)) return { contents: fs.readFileSync(file, "utf8") };
  }
  return { error: `no such source: ${name}` };
}

const output = JSON.parse(solc.compile(fs.readFileSync(0, "utf8"), { import: readImport }));
process.stdout.write(JSON.stringify({ version: solc.version(), ...output }));
