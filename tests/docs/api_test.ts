/**
 * The reference of the library: `docs/api.md` has every export, every member and every code, and nothing that does not
 * exist.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ERRORS } from "../../protocol/error_codes.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { fieldsInWords } from "../support/error_table.ts";
import { ROOT } from "../support/program.ts";

const page = await Deno.readTextFile(new URL("docs/api.md", ROOT));
/** All words in code. */
const code = new Set(
  [...page.matchAll(/`+([^`]+)`+/g)].flatMap(([, text]) => text!.match(/~?[\w$]+/g)!),
);

interface Member {
  readonly name: string;
  readonly jsDoc?: { readonly doc?: string };
}

interface Declaration {
  readonly kind: string;
  readonly def?: {
    readonly properties?: readonly Member[];
    readonly methods?: readonly Member[];
    readonly typeAlias?: unknown;
  };
}

/** All exports, by name. */
async function exportsOf(file: string): Promise<Map<string, Declaration>> {
  const args = ["doc", "--json", file];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  const symbols = Object.values(nodes as object).flatMap(({ symbols }) => symbols);
  return new Map(symbols.map(({ name, declarations }) => [name, declarations[0]]));
}

const exported = await exportsOf("mod.ts");

function membersOf(name: string): readonly Member[] {
  const { properties = [], methods = [] } = exported.get(name)?.def ?? {};
  const own = [...properties, ...methods].filter(({ name }) => !name.startsWith("["));
  // Nobody meets the two apart.
  return name === "Server" ? [...membersOf("MessageServer"), ...own] : own;
}

/** The rows of the table whose first column is headed by a name, cell by cell. */
function table(name: string): string[][] {
  const lines = page.split("\n");
  const first = lines.findIndex((line) => line.startsWith(`| \`${name}\``));
  assert(first >= 0, `there is no table of ${name}`);
  const rows = lines.slice(first + 2);
  return rows.slice(0, rows.findIndex((line) => !line.startsWith("|")))
    .map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

Deno.test("the reference names every export and every member", () => {
  assert(exported.size > 35);
  const members = [...exported.keys()].flatMap((name) => membersOf(name).map(({ name }) => name));
  assert(members.length > 100);
  assertEquals([...exported.keys(), ...members].filter((name) => !code.has(name)), []);
});

Deno.test("the reference names every export of the other entry points", async () => {
  const files = ["client.ts", "server.ts", "cli.ts", "fetch.ts", "testing.ts"];
  const all = await Promise.all(files.map(exportsOf));
  const names = new Set(all.flatMap((exported) => [...exported.keys()]));
  names.delete("default");
  assert(names.size > 80, String(names.size));
  assertEquals([...names].filter((name) => !code.has(name)), []);
});

Deno.test("the tables of options and members have what there is, nothing else, and the defaults", () => {
  const names = [
    "ServeOptions",
    "AuthOptions",
    "StoreOptions",
    "Server",
    "Handler",
    "ConnectOptions",
    "ReconnectOptions",
    "Connection",
    "TypedTopics",
    "TypedTopic",
  ];
  for (const name of names) {
    const rows = table(name).filter(([first]) => !first!.includes("Symbol."));
    const documented = rows.flatMap(([first]) =>
      [...first!.matchAll(/`(\w+)/g)].map((name) => name[1]!)
    );
    const members = membersOf(name);
    // An overloaded method is there once for each form.
    const names = new Set(members.map(({ name }) => name));
    assertEquals(documented.sort(), [...names].sort(), name);
    for (const { name, jsDoc } of members) {
      const [, quoted, number] = /Default: (?:`([^`]+)`|(\d+))/.exec(jsDoc?.doc ?? "") ?? [];
      const row = rows.find(([first]) => RegExp(`\`${name}\\b`).test(first!))!;
      assertStringIncludes(row[2] ?? row[1]!, quoted ?? number ?? "", name);
    }
  }
});

const number = (value: number) => Number.isFinite(value) ? value.toLocaleString("en") : "none";

Deno.test("the table of limits has every limit with its default and its bounds", () => {
  const expected = Object.entries(LIMITS).map((
    [name, { default: value, min, max, description }],
  ) => [
    `\`${name}\``,
    number(value),
    max >= Number.MAX_SAFE_INTEGER ? `from ${number(min)}` : `${number(min)} to ${number(max)}`,
    description,
  ]);
  assertEquals(table("ServerLimits"), expected);
});

Deno.test("the table of codes has every code: whether it is retryable, what it carries, its meaning", () => {
  const expected = Object.entries(ERRORS).map(([name, { retryable, description, fields }]) => [
    `\`${name}\``,
    retryable ? "yes" : "no",
    fieldsInWords(fields),
    description,
  ]);
  assertEquals(table("ErrorCode"), expected);
});

Deno.test("the types say of each code what its row says", () => {
  const carried = membersOf("ErrorFields");
  assertEquals(
    carried.map(({ name, jsDoc }) => [name, jsDoc?.doc]),
    Object.entries(ERRORS).map(([name, { description }]) => [name, description]),
  );
});

Deno.test("the table of reasons has every reason why a server cannot be reached", () => {
  const reasons = [
    ...JSON.stringify(exported.get("ConnectReason")!.def).matchAll(/"string":"(\w+)"/g),
  ];
  const documented = table("ConnectReason").flatMap(([first]) => first!.match(/\w+/g)!);
  assert(documented.length > 15);
  assertEquals(documented.sort(), reasons.map(([, name]) => name!).sort());
});
