/**
 * Numbers that a client makes up: an invalid number is refused, and the largest valid one does no harm.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { MIN_UPLOAD_SPEED } from "../../protocol/heartbeat.ts";
import { maxRequestFrameBytes } from "../../protocol/frame_sizes.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import { inMemory, testServer, turns } from "../support/bridge.ts";
import { decodeFrame } from "../support/decode_frame.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** Values in JSON that are not valid numbers of the protocol. */
const NO_COUNT = [
  ...["-1", "-0.5", "0.5", "1e400", "-1e400", "9007199254740992", "1e16"],
  ...['"1"', '""', "null", "true", "[1]", "[]", "{}", '{"valueOf":1}'],
];

const MAX = Number.MAX_SAFE_INTEGER;

/** Each number that a request can carry, and the other fields of the request. `$` stands for the number. */
const NUMBERS: Readonly<Record<string, string>> = {
  "hello, protocol": '"action":"hello","protocol":$',
  "hello, try": '"action":"hello","try":$',
  "hello, heartbeat": '"action":"hello","heartbeat":$',
  "hello, frameBytes": '"action":"hello","frameBytes":$',
  "hello, known": '"action":"hello","known":{"epoch":"e","seq":$}',
  "hello, since after": '"action":"hello","since":{"after":$}',
  "hello, since asOf": '"action":"hello","since":{"after":1,"epoch":"e","asOf":$}',
  "hello, since time": '"action":"hello","since":{"time":$}',
  "hello, since ago": '"action":"hello","since":{"ago":$}',
  "put, n": '"action":"put","topic":"t","body":"m","n":$',
  "get, since after": '"action":"get","topic":"a","since":{"after":$}',
  "get, since asOf": '"action":"get","topic":"b","since":{"after":1,"epoch":"e","asOf":$}',
  "get_latest, since time": '"action":"get_latest","topic":"c","since":{"time":$}',
  "get_wait, timeout": '"action":"get_wait","topic":"d","timeout":$',
  "get_wait, since after": '"action":"get_wait","topic":"e","timeout":0,"since":{"after":$}',
  "cancel, wait": '"action":"cancel","wait":$',
  "subscribe, messages": '"action":"subscribe","topic":"f","messages":$',
  "subscribe, bytes": '"action":"subscribe","topic":"f","bytes":$',
  "subscribe, since after": '"action":"subscribe","topic":"f","since":{"after":$}',
  "subscribe, since ago": '"action":"subscribe","topic":"h","since":{"ago":$}',
  "subscribe, since ahead": '"action":"subscribe","topic":"i","since":{"after":0,"ahead":$}',
  "subscribe, cursor after": '"action":"subscribe","topic":"g","cursor":{"after":$}',
  "credit, sub": '"action":"credit","sub":$',
  "credit, messages": '"action":"credit","sub":1,"messages":$',
  "credit, bytes": '"action":"credit","sub":1,"bytes":$',
  "unsubscribe, sub": '"action":"unsubscribe","sub":$',
  "topics, count": '"action":"topics","count":$',
  "connections, count": '"action":"connections","count":$',
  "purge, before seq": '"action":"purge","topic":"j","before":{"seq":$}',
  "purge, before time": '"action":"purge","topic":"j","before":{"time":$}',
  "purge, before ago": '"action":"purge","topic":"j","before":{"ago":$}',
  "backup, after": '"action":"backup","after":$,"last":1,"epoch":"e"',
  "backup, last": '"action":"backup","after":1,"last":$,"epoch":"e"',
  "heartbeat, ahead": '"action":"heartbeat","ahead":$',
  "heartbeat, received": '"action":"heartbeat","received":$',
};

/** Beyond the maximum of a number, if that is less than the largest of all. */
const OUT_OF_RANGE: Readonly<Record<string, readonly string[]>> = {
  "hello, protocol": ["0", "2"],
  "hello, heartbeat": ["0", "99", "600001"],
  "hello, frameBytes": ["0"],
  "put, n": ["4503599627370497"],
  "get_wait, timeout": ["2147483648"],
  "topics, count": ["0"],
  "connections, count": ["0"],
};

for (const [which, members] of Object.entries(NUMBERS)) {
  Deno.test(`${which}: an invalid number is refused alone, under the id of its request`, () => {
    for (const value of [...NO_COUNT, ...OUT_OF_RANGE[which] ?? []]) {
      const request = `{"id":7,${members.replace("$", value)}}`;
      const { requests } = decodeFrame(
        `[${request},{"action":"get","id":8,"topic":"t"}]`,
        DEFAULT_LIMITS,
      );
      const [refused, other] = requests;
      // A stream whose credit is refused has to learn it.
      const error = refused?.action === "credit" && refused.refusal ||
        refused?.action === "refused" && refused.error;
      assert(error, request);
      assertEquals([refused!.id, error.code, other?.action], [7, "bad_request", "get"]);
    }
  });
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: the largest valid numbers are answered, and nothing else suffers`, async () => {
    const errors: unknown[] = [];
    const log = { info() {}, warn() {}, error: (...what: unknown[]) => void errors.push(what) };
    await using server = await openServer({ transport, log });
    await using raw = await RawClient.open(server.url);
    await using other = await RawClient.open(server.url);
    const open = new Set<number>();
    const send = (members: string, id: number) => {
      open.add(id);
      raw.send(`{"id":${id},${members}}`);
    };
    send('"action":"hello","session":"0123456789abcdef"', MAX);
    for (const [i, members] of Object.values(NUMBERS).entries()) {
      for (const [k, value] of [MAX, 2 ** 52, 2 ** 31 - 1, 2 ** 32, 1].entries()) {
        send(members.replace("$", `${value}`), 1000 * k + i + 1);
      }
    }
    // It waits for long, unless it is cancelled.
    for (let k = 0; k < 5; k++) {
      const wait = 1000 * k + Object.keys(NUMBERS).indexOf("get_wait, timeout") + 1;
      raw.send({ action: "cancel", wait });
    }
    while (open.size > 0) {
      for (const reply of [await withTimeout(raw.next())].flat()) {
        if ("id" in reply) open.delete(reply.id);
      }
    }
    raw.send({ action: "unsubscribe", id: 1, sub: 1 });
    other.send([
      { action: "put", id: 1, topic: "t", body: "m" },
      { action: "get", id: 2, topic: "t" },
    ]);
    const [put, get] = await withTimeout(other.next());
    assertEquals([put.id, get.body], [1, "m"]);
    assertEquals(errors, []);
  });
}

Deno.test("whatever a client announces, it may be silent no longer than its largest frame takes", async () => {
  await using host = await testServer(inMemory());
  for (const ahead of [MAX, 2 ** 53 - 2, 1e12, 4e9]) {
    using peer = new ManualPeer(host);
    peer.sendFrame({ action: "heartbeat", ahead });
    assertEquals(
      peer.connection.liveness.slack,
      1000 * maxRequestFrameBytes(DEFAULT_LIMITS) / MIN_UPLOAD_SPEED,
    );
  }
});

Deno.test("a byte count that goes back does not count as progress, nor does one that grows again up to its old value", async () => {
  await using host = await testServer(inMemory());
  using peer = new ManualPeer(host);
  for (const received of [5, 4, 5, 3, 5, 0, 5]) peer.sendFrame({ action: "heartbeat", received });
  assertEquals(peer.reads, 1);
  peer.sendFrame({ action: "heartbeat", received: 6 });
  assertEquals(peer.reads, 2);
  await turns(1);
});
