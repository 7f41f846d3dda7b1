/**
 * Honest clients beside a fuzzer of plain HTTP: by a WebSocket, by HTTP, and one that follows.
 *
 * @module
 */

import { connect } from "../../client.ts";
import type { StoredMessage } from "./fuzz_http_ledger.ts";

/** What an honest client has done. */
export interface HonestRun {
  readonly calls: number;
  readonly wrong: readonly string[];
  /** How long its slowest call took, in milliseconds. */
  readonly slowest: number;
}

/** Puts and reads by a WebSocket. */
export async function runWebSocketClient(url: string, signal: AbortSignal): Promise<HonestRun> {
  await using mq = await connect(url);
  return await repeat(signal, async (i) => {
    const body = `${i} é`;
    const seq = await mq.put("honest", body);
    const message = await mq.read("honest");
    return message?.body === body && message.seq === seq;
  });
}

/** Puts and reads by HTTP; each message is the next one after the one before. */
export async function runHttpClient(origin: string, signal: AbortSignal): Promise<HonestRun> {
  const url = `${origin}/topics/honest%20http`;
  let after = "start";
  return await repeat(signal, async (i) => {
    const body = `${i} é\r\n\0`;
    const put = await fetch(url, { method: "POST", body });
    const { seq, position } = await put.json();
    const got = await fetch(`${url}?after=${after}`);
    after = got.headers.get("dsmq-position")!;
    const isRight = await got.text() === body && got.headers.get("dsmq-seq") === `${seq}`;
    return isRight && put.status === 201 && got.status === 200 && after === position;
  });
}

async function repeat(
  signal: AbortSignal,
  call: (i: number) => Promise<boolean>,
): Promise<HonestRun> {
  const wrong: string[] = [];
  let [calls, slowest] = [0, 0];
  for (; !signal.aborted; calls++) {
    const began = performance.now();
    const right = await call(calls).catch((error: Error) => {
      wrong.push(`call ${calls}: ${error.message}`);
      return true;
    });
    if (!right) wrong.push(`call ${calls} is not answered rightly`);
    slowest = Math.max(slowest, performance.now() - began);
    if (wrong.length > 20) break;
  }
  return { calls, wrong, slowest };
}

/**
 * Follows all topics by events from the start on.
 *
 * @param origin of the server
 * @param signal ends it
 * @returns what has come, in its order
 */
export async function followAll(origin: string, signal: AbortSignal): Promise<StoredMessage[]> {
  const all: StoredMessage[] = [];
  const headers = { accept: "application/x-ndjson" };
  const response = await fetch(`${origin}/messages?after=start`, { headers });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  signal.addEventListener("abort", () => void reader.cancel());
  let rest = "";
  for (let next; !(next = await reader.read()).done;) {
    const lines = `${rest}${next.value}`.split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") all.push(JSON.parse(line));
  }
  return all;
}
