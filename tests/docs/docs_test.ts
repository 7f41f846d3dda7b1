import { assert, assertEquals } from "@std/assert";
import { decodeReplies } from "../../protocol/decode_replies.ts";
import { ERRORS } from "../../protocol/error_codes.ts";
import { decodeFrame } from "../support/decode_frame.ts";
import { fieldsInWords } from "../support/error_table.ts";
import { ROOT } from "../support/program.ts";
import { DEFAULT_LIMITS, LIMITS } from "../../protocol/limits.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const page = await Deno.readTextFile(new URL("docs/protocol.md", ROOT));

Deno.test("the protocol page lists every error as the table of the code does", () => {
  const rows = page.split("\n").map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  );
  const documented = rows.filter(([code = ""]) => code.replaceAll("`", "") in ERRORS);
  const expected = Object.entries(ERRORS).map((
    [code, { scope, retryable, fields, description }],
  ) => [`\`${code}\``, scope, retryable ? "yes" : "no", fieldsInWords(fields), description]);
  assertEquals(documented, expected);
});

Deno.test("every frame that the protocol page shows can be decoded", () => {
  const blocks = [...page.matchAll(/```json\n([^]*?)```/g)].flatMap(([, block]) =>
    block!.trim().split("\n")
  );
  const requests = blocks.filter((line) => /"action"/.test(line));
  const replies = blocks.filter((line) => !/"action"/.test(line));
  assert(requests.length >= 12 && replies.length >= 12, "the page shows frames of each kind");
  for (const frame of requests) {
    const { requests } = decodeFrame(frame, DEFAULT_LIMITS);
    for (const { action } of requests) assert(action !== "refused", frame);
  }
  for (const frame of replies) assert(decodeReplies(frame) !== undefined, frame);
});

const inWords = (limit: number) =>
  Number.isFinite(limit) ? limit.toLocaleString("en") : "unlimited";
const cells = (text: string, columns: number) =>
  [...text.matchAll(/^\| `(\w+)` .*$/gm)].map(([row]) =>
    row.split("|").slice(1, columns + 1).map((cell) => cell.trim().replaceAll("`", ""))
  ).filter(([name]) => name! in LIMITS);

Deno.test("the reliability page lists every limit with its default and what it bounds", async () => {
  const reliability = await Deno.readTextFile(new URL("docs/reliability.md", ROOT));
  const expected = Object.entries(LIMITS).map(([name, { default: defaultValue, description }]) => [
    name,
    inWords(defaultValue),
    description,
  ]);
  assertEquals(
    cells(reliability.split(/^## /m).find((part) => part.startsWith("Limits"))!, 3),
    expected,
  );
});

Deno.test("the protocol page lists every limit that hello reports, with its default", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const { limits } = await client.request({ action: "hello", id: 1 });
  const documented = Object.entries(limits).map((
    [name, limit],
  ) => [name, inWords(limit as number)]);
  const section = page.split(/^## /m).find((part) => part.startsWith("Limits"))!;
  assertEquals(cells(section, 2), documented);
});

interface Documented {
  readonly name?: string;
  readonly jsDoc?: { readonly doc?: string };
}

interface Documentation {
  readonly nodes: Readonly<
    Record<string, {
      readonly symbols: readonly {
        readonly name: string;
        readonly declarations: readonly (Documented & { readonly def?: object })[];
      }[];
    }>
  >;
}

Deno.test("every public name and member is documented, and every code on its type", async () => {
  const args = ["doc", "--json", "mod.ts", "client.ts"];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
  const { nodes }: Documentation = JSON.parse(new TextDecoder().decode(stdout));
  const symbols = Object.values(nodes).flatMap(({ symbols }) => symbols);
  assert(symbols.length > 60);
  const bare: string[] = [];
  for (const { name, declarations } of symbols) {
    for (const { jsDoc, def = {} } of declarations) {
      if (!jsDoc?.doc) bare.push(name);
      const { properties = [], methods = [] }: Record<string, Documented[]> = { ...def };
      for (const member of [...properties, ...methods]) {
        if (!member.jsDoc?.doc) bare.push(`${name}.${member.name}`);
      }
    }
  }
  assertEquals(bare, []);
  const codes = symbols.filter(({ name }) => name === "ErrorCode").flatMap(({ declarations }) =>
    declarations.map(({ jsDoc }) => jsDoc!.doc!)
  );
  for (const code of Object.keys(ERRORS)) {
    assert(codes.some((doc) => doc.includes(`- \`${code}\`: `)), code);
  }
});
