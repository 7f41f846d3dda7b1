import { assertEquals } from "@std/assert";
import {
  decodeRecord,
  encodeCommands,
  encodeRecord,
} from "../../../stores/replicated/record_text.ts";
import type { Command } from "../../../stores/store.ts";

const HEADER = { version: 1, writer: "w", number: 1, clock: 1, seen: { position: 0, digest: "" } };

/** What the servers of a log are given when one of them was given these commands. */
function received(commands: readonly Command[]): readonly Command[] | undefined {
  return decodeRecord(encodeRecord(HEADER, [encodeCommands(commands)]))?.commands();
}

const LARGEST = Number.MAX_SAFE_INTEGER;
/** Names that JSON, UTF-8 or an object might change. */
const NAMES = [
  "",
  "\0",
  "\n",
  '"',
  "\ud800",
  "\udc00\ud800",
  "😀",
  "\ufeff",
  "__proto__",
  "e\u0301",
];

Deno.test("puts come back from the log as they were, whatever their names, texts and numbers", () => {
  for (const name of NAMES) {
    const body = JSON.stringify(name);
    const { length: bytes } = new TextEncoder().encode(body);
    const put = { type: "put" as const, topic: name, body, bytes };
    const attributes = JSON.stringify({ key: name });
    for (
      const commands of [
        [put],
        [{ ...put, session: name, owner: name, identity: name, n: 1 }],
        [{ ...put, session: name, n: LARGEST - 1 }, { ...put, session: name, n: LARGEST }],
        [{ ...put, session: name, n: 1 }, { ...put, session: name, n: 3 }, put],
        [{ ...put, attributes, bytes: 2 * bytes }, { ...put, attributes: "{}" }],
        [{ ...put, owner: "" }, { ...put, identity: "" }, { ...put, body: "", bytes: 0 }],
      ]
    ) assertEquals(received(commands), commands);
  }
});

Deno.test("other commands come back from the log as they were", () => {
  for (const name of NAMES) {
    const group = { topic: name, group: name };
    const commands: Command[] = [
      { type: "open_session", session: name, owner: name },
      { type: "forget_session", session: name },
      { type: "purge", topic: name, before: { time: 0.5 }, max: LARGEST },
      { type: "create_group", name: { prefix: name, group: name }, after: LARGEST },
      {
        ...{ type: "open_holder", name: group, holder: name, lease: 1, timeout: LARGEST },
        ...{ attempts: LARGEST, holding: [LARGEST, 1], bytes: 1 },
      },
      { type: "claim", name: group, holders: [{ holder: name, count: LARGEST }], bytes: LARGEST },
      {
        ...{ type: "finish", name: group, done: [] },
        outcomes: [{ claim: LARGEST, outcome: "retry", delay: 0.25, reason: name }],
      },
      { type: "extend", name: group, claims: [] },
      { type: "redrive", name: group, diedBy: 0, max: 1 },
      { type: "delete_group", name: group },
    ];
    assertEquals(received(commands), commands);
  }
});

Deno.test("members of commands that are undefined are the same as absent ones", () => {
  const commands: Command[] = [
    { type: "put", topic: "t", body: '""', bytes: 2, session: undefined, n: undefined },
    {
      type: "claim",
      name: { topic: "t", group: "g" },
      holders: [{ holder: "h", count: 1, opening: undefined }],
      bytes: 1,
    },
    { type: "purge", topic: "t", before: undefined, max: 1 },
  ];
  assertEquals(JSON.stringify(received(commands)), JSON.stringify(commands));
});
