/**
 * The attacks of a hostile server on its clients.
 *
 * @module
 */

import { repeated } from "../support/bytes.ts";
import type { HostilePeer } from "../support/hostile_server.ts";
import { serverFrame } from "../support/ws_peer.ts";
import { sleep } from "./sleep.ts";
import { MIB } from "./report.ts";

/** Attacks one connection. It may continue forever: the connection is cut in the end. */
export type HostileAct = (peer: HostilePeer, port: number) => Promise<unknown>;

/** The header of a frame of this many bytes. */
function header(opcode: number, bytes: number, first = 128): Uint8Array {
  const head = new Uint8Array(10);
  head[0] = first | opcode;
  head[1] = 127;
  new DataView(head.buffer).setBigUint64(2, BigInt(bytes));
  return head;
}

/** A text frame of this many bytes, made of a repeated part. */
async function large(peer: HostilePeer, bytes: number, begin: string, item: string, end: string) {
  const max = Math.floor((bytes - begin.length - end.length) / item.length);
  await peer.send(header(1, begin.length + max * item.length + end.length));
  await peer.send(begin);
  const chunk = item.repeat(Math.ceil(64 * 1024 / item.length));
  const chunks = Math.floor(max * item.length / chunk.length);
  for (let i = 0; i < chunks && !peer.gone; i++) await peer.send(chunk);
  await peer.send(item.repeat(max - chunks * Math.floor(chunk.length / item.length)));
  await peer.send(end);
}

/** A frame of this many fields with different names, in one object or each in its own. */
async function distinct(peer: HostilePeer, begin: string, end: string, around: string) {
  const [open = "", close = ""] = around;
  const items = Array.from({ length: 15 * MIB / 15 }, (_, i) => `${open}"${1e7 + i}k":1${close}`);
  await peer.send(serverFrame(1, `${begin}${items.join(",")}${end}`.slice(0, 15 * MIB)));
}

/** Answers hello, and then attacks. */
function afterHello(act: HostileAct, welcome: object = {}): HostileAct {
  return async (peer, port) => {
    await peer.welcome(welcome);
    await act(peer, port);
    await peer.skim();
  };
}

/** Sends the same frame forever, and reads nothing. */
function flood(bytes: Uint8Array | (() => Uint8Array)): HostileAct {
  return afterHello(async (peer) => {
    while (!peer.gone) await peer.send(typeof bytes === "function" ? bytes() : bytes);
  });
}

/** Answers each request of one kind. */
function answering(action: string, reply: (id: number, n: number) => unknown): HostileAct {
  return afterHello(async (peer) => {
    for (let n = 0, request; (request = await peer.nextOf(action)); n++) {
      await peer.sendText(reply(request.id, n));
    }
  });
}

const once = (text: string | Uint8Array): HostileAct => afterHello((peer) => peer.send(text));
const gap = { code: "trimmed", message: "gone", after: 0, floor: 1, last: 9 };

/** Each attack, by name. */
export const ATTACKS: Readonly<Record<string, HostileAct>> = {
  "nothing is answered": (peer) => peer.skim(),
  "a byte per second instead of an HTTP response": async (peer) => {
    for (const byte of "HTTP/1.1 101 Switching Protocols\r\n") {
      if (!await peer.send(byte)) return;
      await sleep(1000);
    }
  },
  "headers without end": async (peer) => {
    await peer.request();
    await peer.send("HTTP/1.1 101 Switching Protocols\r\n");
    for (let i = 0; await peer.send(`X-${i}: ${"x".repeat(8000)}\r\n`); i++);
  },
  "redirects without end": async (peer, port) => {
    await peer.request();
    await peer.send(`HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:${port}/\r\n\r\n`);
  },
  "connections that are closed at once": (peer) => Promise.resolve(peer.cut()),
  "hello that is never answered": async (peer) => {
    await peer.open();
    await peer.skim();
  },
  "hello, then a disconnect": (peer) => peer.welcome(),
  "hello, a heartbeat, then a disconnect": async (peer) => {
    await peer.welcome();
    await peer.sendText({ heartbeat: 1000, time: 1, last: 0, floor: 0 });
  },
  "a hello of 60 MB": async (peer) => {
    await peer.open();
    await large(peer, 60 * MIB, '{"id":1,"protocol":1,"x":"', "x", '"}');
    await peer.skim();
  },
  "other frames before hello is answered": async (peer) => {
    await peer.open();
    while (await peer.send(repeated(serverFrame(1, '{"sub":9,"id":null}'), 1000)));
  },
  "a frame of 64 MiB": afterHello((peer) => large(peer, 64 * MIB, '{"x":"', "x", '"}')),
  "a frame that announces 2^63 bytes": afterHello((peer) => peer.send(header(1, 2 ** 62))),
  "15 MiB of nested arrays": afterHello((peer) => large(peer, 15 * MIB, "", "[", "")),
  "15 MiB of objects": afterHello((peer) => large(peer, 15 * MIB, "[", "{},", "{}]")),
  "15 MiB of fields": afterHello((peer) => large(peer, 15 * MIB, "{", '"a":1,', '"b":1}')),
  "15 MiB of fields with other names": afterHello((peer) => distinct(peer, "{", "}", "")),
  "15 MiB of objects with other names": afterHello((peer) => distinct(peer, "[", "]", "{}")),
  "15 MiB of numbers": afterHello((peer) => large(peer, 15 * MIB, '{"seqs":[', "1,", "1]}")),
  "an error with a sentence of 15 MiB": afterHello(async (peer) => {
    const { id } = (await peer.nextOf("put"))!;
    await large(
      peer,
      15 * MIB,
      `{"id":${id},"error":{"code":"full","message":"`,
      "\\u001b[",
      '"}}',
    );
  }),
  "an endless frame": afterHello(async (peer) => {
    await peer.send(header(1, 15 * MIB));
    while (await peer.send("[")) await sleep(10);
  }),
  "endless one-byte fragments": afterHello(async (peer) => {
    await peer.send(serverFrame(1, "[", { final: false }));
    const parts = repeated(serverFrame(0, "[", { final: false }), 10_000);
    while (await peer.send(parts));
  }),
  "endless empty fragments": afterHello(async (peer) => {
    await peer.send(serverFrame(1, "[", { final: false }));
    const parts = repeated(serverFrame(0, "", { final: false }), 10_000);
    while (await peer.send(parts));
  }),
  "empty frames without end": flood(repeated(serverFrame(1), 10_000)),
  "pings without end, with unread pongs": flood(
    repeated(serverFrame(9, "x".repeat(125)), 500),
  ),
  "heartbeats without end, with unread replies": flood(
    repeated(serverFrame(1, '{"heartbeat":1,"time":1,"last":0,"floor":0}'), 1000),
  ),
  "notices without end": flood(
    repeated(serverFrame(1, `{"ahead":${Number.MAX_SAFE_INTEGER}}`), 1000),
  ),
  "binary frames": once(serverFrame(2, "{}")),
  "masked frames": once(serverFrame(1, "{}", { masked: true })),
  "compressed frames": once(serverFrame(1, "{}", { reserved: 0x40 })),
  "a control frame of 126 bytes": once(serverFrame(9, "x".repeat(126))),
  "a fragmented control frame": once(serverFrame(9, "x", { final: false })),
  "text that is not UTF-8": once(serverFrame(1, new Uint8Array([0xc3, 0x28]))),
  "a close with code 0": once(serverFrame(8, new Uint8Array([0, 0]))),
  "a close with code 1005": once(serverFrame(8, new Uint8Array([3, 237]))),
  "a reason that is not UTF-8": once(serverFrame(8, new Uint8Array([3, 240, 0xff]))),
  "refusals without end, 1009": afterHello(async (peer) => {
    await peer.next();
    await peer.send(serverFrame(8, new Uint8Array([3, 241])));
  }),
  "a stream beyond its credit": afterHello(async (peer) => {
    const { id } = (await peer.nextOf("subscribe"))!;
    await peer.sendText({ id, sub: id, start: 0 });
    const message = "x".repeat(100_000);
    for (let seq = 1; !peer.gone; seq++) {
      await peer.sendText({
        sub: id,
        prev: seq - 1,
        bytes: 2,
        seqs: [seq],
        times: [1],
        bodies: [message],
      });
    }
  }),
  "a stream without end that is read at once": afterHello(async (peer) => {
    const { id } = (await peer.nextOf("subscribe"))!;
    await peer.sendText({ id, sub: id, start: 0 });
    for (let seq = 1; !peer.gone; seq++) {
      await peer.sendText({
        sub: id,
        prev: seq - 1,
        bytes: 3,
        seqs: [seq],
        times: [1],
        bodies: ["m"],
      });
    }
  }),
  "gaps without end": answering("subscribe", (id) => ({ id, error: gap, through: 1 })),
  "topics without end": answering("topics", (id, n) => ({
    id,
    topics: Array.from({ length: 1000 }, (_, i) => ({
      topic: `${1e9 + n * 1000 + i}`.padEnd(250, "x"),
      messages: 1,
      seq: 1,
      time: 1,
    })),
    more: true,
  })),
  "a page of 10^6 topics": answering("topics", (id) => ({
    id,
    topics: Array.from({ length: 1_000_000 }, () => 0),
    more: true,
  })),
  "limits of 2^53": afterHello(
    (peer) => peer.skim(),
    { limits: { messageBytes: 2 ** 53 - 1, creditBytes: 2 ** 53 - 1, inFlight: 2 ** 53 - 1 } },
  ),
  "limits of 0": afterHello(
    (peer) => peer.skim(),
    { limits: { messageBytes: 0, creditBytes: 0, inFlight: 0, frameRequests: 0, topicBytes: 0 } },
  ),
};
