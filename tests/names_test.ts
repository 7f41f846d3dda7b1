/**
 * The names of the product: each is exported once, and none has an old word in it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Names, namesOf, wordsOf } from "./support/names_of.ts";
import { ROOT } from "./support/program.ts";

const FOLDERS = [
  "auth",
  "budgets",
  "cli",
  "client",
  "connection",
  "http",
  "protocol",
  "queue",
  "server",
  "stores",
  "transports",
];

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder || ".", ROOT))) {
    const path = folder ? `${folder}/${name}` : name;
    if (name.endsWith(".ts")) yield path;
    else if (isDirectory && (folder || FOLDERS.includes(name))) yield* sources(path);
  }
}

const product: Names[] = [];
for await (const file of sources("")) {
  product.push(namesOf(file, await Deno.readTextFile(new URL(file, ROOT))));
}

/** Names that two product files export, and why. */
const EXPORTED_TWICE: Readonly<Record<string, string>> = {
  listen: "the two transports have one shape, and are loaded by their file's name",
};

Deno.test("no two product files export the same name", () => {
  const files = new Map<string, string[]>();
  for (const { file, exported } of product) {
    for (const name of exported) files.set(name, [...files.get(name) ?? [], file]);
  }
  assert(files.size > 500, "these are the names of the whole product");
  const twice = [...files].filter(([, { length }]) => length > 1);
  assertEquals(twice.filter(([name]) => !(name in EXPORTED_TWICE)), []);
  assertEquals(twice.map(([name]) => name), Object.keys(EXPORTED_TWICE));
});

/** Words that this project once used in its own way; `docs/GLOSSARY.md` has those of the field. */
const OLD_WORDS = new Set(
  ("asker attend chore chores complaint complaints contact contender contenders desk door drawn errand expel fate goodbye " +
    "guest heard holdings house inn interest interests judged kept knock knocks least leave leaves leaving lot lull most " +
    "newcomer outbox patience pulse pulses recalls rights said say says shares silent span spans stay stranger strangers " +
    "told usual visit vain whoever wholly").split(" "),
);

/** Old words that are words of the field in these files, and which field. */
const FIELD_WORDS: Readonly<Record<string, readonly string[]>> = {
  // OpenTelemetry: what is recorded of a piece of work.
  "server/opentelemetry_package.ts": ["span"],
  "server/traces.ts": ["span"],
};

Deno.test("no name has a word of the old dialect in it", () => {
  const found: string[] = [];
  for (const { file, used } of product) {
    for (const name of [file.replace(/\.ts$/, "").replaceAll("/", "_"), ...used]) {
      const old = wordsOf(name)
        .filter((word) => OLD_WORDS.has(word) && !FIELD_WORDS[file]?.includes(word));
      if (old.length > 0) found.push(`${file}: ${name}`);
    }
  }
  assertEquals(found, []);
  assertEquals(wordsOf("#sayGoodbyeTo_HTTPGuests").filter((word) => OLD_WORDS.has(word)), [
    "goodbye",
  ]);
});
