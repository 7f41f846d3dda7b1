/**
 * Attacks without a token on a server that requires one.
 *
 * @module
 */

import { clientFrame, RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { repeated } from "../support/bytes.ts";
import { sleep } from "./sleep.ts";
import { MIB } from "./report.ts";
import { FLOOD, PARTIAL_REQUESTS, type PlatformLimit, WHOLE_FRAMES } from "./platform_limits.ts";
import { Attacker, honestBrowsers, OFFERED, repeat, sent } from "./attacker.ts";

/** How long a continuous attack lasts, in milliseconds. */
const LONG = 4000;

/** How many connections are opened at a time in floods of connections, and how many of them stay. */
const [OPEN_RATE, HOLD_TIME] = [50, 3000];

/** One attack; resolves when it is over, with what the attackers saw. */
export interface Attack {
  /** How many connections of it there are at a time. */
  readonly atOnce: number;
  /** Over `builtin` this cannot be promised. */
  readonly builtin?: PlatformLimit;
  attack(port: number): Promise<string | void>;
}

/** A text of about this many bytes. */
function filled(part: string, head = "[", tail = "]", bytes = 2.9 * MIB): string {
  const count = Math.floor((bytes - head.length - tail.length) / part.length);
  return head + part.repeat(count).replace(/,$/, "") + tail;
}

/** A hello with thousands of names that V8 hashes without a seed. */
function hashed(): string {
  const names = Array.from({ length: 40_000 }, (_, i) => `"${1_000_000_000 + i * 65_536}":0`);
  return `{"action":"hello","id":1,"positions":{${names.join()}}}`;
}

const reviver = () => filled("0,", '[{"action":"put","topic":"a","message":1,"x":[', "]}]");
const nested = () => "[".repeat(1.4 * MIB) + "]".repeat(1.4 * MIB);
const objects = () => filled("{},");
const list = () => filled('"",', '{"action":"put","id":1,"topic":"a","bodies":[', "]}");

/** This many connections send one such frame each. */
function bombs(text: () => string, connections: number): Attack {
  return {
    atOnce: connections,
    ...connections > 1 && { builtin: WHOLE_FRAMES },
    async attack(port) {
      const frame = clientFrame(1, text());
      const attackers = await opened(port, connections);
      await Promise.all(attackers.map((attacker) => attacker.send(frame)));
      await sleep(LONG / 2);
      return ended(attackers);
    },
  };
}

/** This many connections send the same frame again and again, and reconnect when they are closed. */
function flood(connections: number, block: Uint8Array, headers = [OFFERED]): Attack {
  return {
    atOnce: connections,
    builtin: FLOOD,
    async attack(port) {
      await repeat(connections, LONG, async () => {
        const attacker = await Attacker.open(port, { headers });
        for (let i = 0; i < 200 && !attacker.isGone; i++) await attacker.send(block);
        attacker.cut();
      });
    },
  };
}

/** This many connections send HTTP requests again and again, and reconnect when they are disconnected. */
function httpRequests(connections: number, ...headers: string[]): Attack {
  return repeats(connections, ["GET / HTTP/1.1", ...headers, "", ""].join("\r\n"));
}

/** The same, with a body of 60 kB each time. */
function posts(connections: number): Attack {
  const body = "x".repeat(60 * 1024);
  const head = ["POST / HTTP/1.1", "Host: localhost", `Content-Length: ${body.length}`, "", ""];
  return repeats(connections, head.join("\r\n") + body);
}

function repeats(connections: number, text: string): Attack {
  const request = new TextEncoder().encode(text);
  return {
    atOnce: connections,
    async attack(port) {
      let received = 0;
      await repeat(connections, LONG, async () => {
        using client = await RawSocket.connect(port);
        sent.connections++;
        for (let i = 0; i < 50; i++) {
          // It may be disconnected before it has sent everything.
          if (!await client.send(request).then(() => true, () => false)) break;
          sent.bytes += request.length;
          received++;
          await client.head();
        }
      });
      return `${received} requests`;
    },
  };
}

/** This many connections send endless HTTP bodies, and reconnect when they are disconnected. */
function bodies(connections: number, ...headers: string[]): Attack {
  return endless(connections, headers, new Uint8Array(256 * 1024).fill(120));
}

/** The same, in chunks of one byte. */
function tinyChunks(connections: number): Attack {
  const block = new TextEncoder().encode("1\r\nx\r\n".repeat(40_000));
  return endless(connections, ["Transfer-Encoding: chunked"], block);
}

function endless(connections: number, headers: readonly string[], block: Uint8Array): Attack {
  const head = ["POST / HTTP/1.1", "Host: localhost", ...headers, "", ""].join("\r\n");
  return {
    atOnce: connections,
    builtin: PARTIAL_REQUESTS,
    async attack(port) {
      await repeat(connections, LONG, async () => {
        using client = await RawSocket.connect(port);
        sent.connections++;
        await client.send(head);
        for (let i = 0; i < 100; i++) {
          if (!await client.send(block).then(() => true, () => false)) break;
          sent.bytes += block.length;
        }
      });
    },
  };
}

/** This many connections request a page or a file many times each, at one moment, and read nothing. */
function pages(connections: number, each: number, path = "/"): Attack {
  return {
    atOnce: connections,
    builtin: PARTIAL_REQUESTS,
    async attack(port) {
      const clients = await Promise.all(
        Array.from({ length: connections }, () => RawSocket.connect(port)),
      );
      sent.connections += connections;
      const requests = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(each);
      await Promise.all(clients.map((client) => client.send(requests).catch(() => {})));
      sent.bytes += connections * requests.length;
      await sleep(LONG);
      for (const client of clients) client.cut();
    },
  };
}

/** Connections are opened as fast as possible, from this many addresses, and stay; honest browsers connect meanwhile. */
function connectionSlots(addresses: number, headers = [OFFERED]): Attack {
  return {
    atOnce: HOLD_TIME + OPEN_RATE,
    async attack(port) {
      const attackers: Attacker[] = [];
      let received = 0;
      const attack = repeat(OPEN_RATE, LONG, async () => {
        const from = `127.1.${received % addresses >> 8}.${received++ % addresses & 255 || 1}`;
        attackers.push(await Attacker.open(port, { from, headers }));
        if (attackers.length > HOLD_TIME) attackers.splice(0, 1)[0]!.cut();
      });
      const answered = await honestBrowsers(port, 20);
      await attack;
      for (const attacker of attackers) attacker.cut();
      if (answered < 20) throw new Error(`only ${answered} of 20 browsers were accepted`);
      return "all browsers were accepted";
    },
  };
}

/** This many connections hold something incomplete. */
function unfinished(connections: number, ...parts: readonly Uint8Array[]): Attack {
  return {
    atOnce: connections,
    async attack(port) {
      const attackers = await opened(port, connections);
      for (const part of parts) await Promise.all(attackers.map((one) => one.send(part)));
      await sleep(LONG / 2);
      return ended(attackers);
    },
  };
}

function opened(port: number, count: number): Promise<Attacker[]> {
  return Promise.all(Array.from({ length: count }, () => Attacker.open(port)));
}

function ended(attackers: readonly Attacker[]): string {
  const closed = attackers.filter(({ isGone }) => isGone).length;
  for (const attacker of attackers) attacker.cut();
  return `${closed} of ${attackers.length} were disconnected`;
}

const part = clientFrame(1, new Uint8Array(3_000_000)).subarray(0, 60_000);
const fragments = repeated(clientFrame(0, "x", { final: false }), 9000);
const badHello = clientFrame(1, '{"action":"hello","id":1,"token":"bad"}');
const costlyHello = clientFrame(
  1,
  `[{"action":"hello","id":1},${"[".repeat(4000)}${"]".repeat(4000)}]`,
);

/** A name that is expensive to parse: each of its labels is as long as `URL` allows, with different characters. */
const costlyName = Array(20).fill(
  String.fromCharCode(...Array.from({ length: 990 }, (_, i) => 0x4e00 + i)),
).join(".");

/** This many headers, whose names V8 hashes without a seed. */
const headers = (count: number) =>
  Array.from({ length: count }, (_, i) => `${1_000_000_000 + i * 65_536}:`);

/** The attacks, by name. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  "silent connections": {
    atOnce: OPEN_RATE,
    async attack(port) {
      await repeat(OPEN_RATE, LONG, async () => {
        using _conn = await Deno.connect({ port, hostname: "127.0.0.1" });
        sent.connections++;
      });
    },
  },
  "6,000 silent connections until their timeout": {
    atOnce: 6000,
    async attack(port) {
      const silent: Deno.Conn[] = [];
      await Promise.all(Array.from({ length: 20 }, async () => {
        while (silent.length < 6000) {
          sent.connections++;
          silent.push(await Deno.connect({ port, hostname: "127.0.0.1" }));
        }
      }));
      await sleep(10_000);
      for (const conn of silent) conn.close();
    },
  },
  "requests with an expensive Host, of 4": httpRequests(4, `Host: ${costlyName}`),
  "requests with 120 headers, of 4": httpRequests(4, "Host: localhost", ...headers(120)),
  "requests with 5,000 headers, of 4": httpRequests(4, "Host: localhost", ...headers(5000)),
  "upgrades with 5,000 subprotocols, of 4": httpRequests(
    4,
    ...upgradeRequest(`${OFFERED}, ${headers(5000).join(" ").replaceAll(":", ",")} z`).trim()
      .split("\r\n").slice(1),
  ),
  "HTTP bodies without an end, of 30": bodies(30, "Content-Length: 1000000000000"),
  "HTTP bodies without an end, of 200": bodies(200, "Transfer-Encoding: chunked"),
  "HTTP bodies in chunks of one byte, of 30": tinyChunks(30),
  "HTTP bodies of 60 kB, of 200": posts(200),
  "invalid HTTP without an end, of 200": bodies(200, "Host: another"),
  "32 pages for each of 1,000 at one moment": pages(1000, 32),
  "the page's script for each of 1,000": pages(1000, 1, "/page.js"),
  "the page's script 32 times for each of 1,000": pages(1000, 32, "/page.js"),
  "a frame for a second pass": bombs(reviver, 1),
  "a nested frame": bombs(nested, 1),
  "a frame of objects": bombs(objects, 1),
  "a list of a million": bombs(list, 1),
  "names without a seed": bombs(hashed, 1),
  "30 frames of objects": bombs(objects, 30),
  "empty frames": flood(1, repeated(clientFrame(1), 2000)),
  "empty frames of 8": flood(8, repeated(clientFrame(1), 2000)),
  "pings of 8": flood(8, repeated(clientFrame(9), 2000)),
  "heartbeats of 8": flood(8, repeated(clientFrame(1, '{"action":"heartbeat"}'), 700)),
  "bad tokens in hello of 8": flood(8, badHello),
  "the most expensive hellos of 8": flood(8, repeated(costlyHello, 8)),
  "bad tokens in the header of 8": flood(8, badHello, [OFFERED, "Authorization: Bearer bad"]),
  "connections of one address": connectionSlots(1),
  "connections of 8 addresses": connectionSlots(8),
  "connections of 250 addresses": connectionSlots(250),
  "rejected connections of 250 addresses": connectionSlots(250, [
    OFFERED,
    "Authorization: Bearer bad",
  ]),
  "500 frames without an end": unfinished(500, part),
  "500 frames without an end, too long": { ...unfinished(500, part, part), builtin: WHOLE_FRAMES },
  "500 times 9,000 fragments": {
    ...unfinished(500, clientFrame(1, "x", { final: false }), fragments),
    builtin: FLOOD,
  },
};
