/**
 * The contract of a transport: peers that read slowly, or not at all.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { SharedSuffix } from "../../protocol/shared_suffix.ts";
import type { Transport } from "../../transports/transport.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { type FakePeer, OpenPort } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

const MIB = 1024 * 1024;
/** Within the limit of a connection's replies. */
const FRAME = "x".repeat(MIB / 4);
const LARGE_FRAME = "x".repeat(MIB);

/** The system buffers far less than this for a peer that does not read, in MiB. */
const MUCH = 32;

/** Lets the platform finish its pending work. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 20));

/** Reads this many bytes, all of which must arrive. */
async function read(client: RawSocket, bytes: number): Promise<void> {
  for (let remaining = bytes; remaining > 0;) {
    const count = await withTimeout(client.discard(remaining));
    assert(count > 0, `it was disconnected with ${remaining} bytes to read`);
    remaining -= count;
  }
}

/** Advances the clock by seconds, and lets the platform work meanwhile. */
async function pass({ clock }: OpenPort, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    await turn();
    clock.advance(1000);
  }
}

/** Sends this many MiB. */
function send({ peer }: FakePeer, mib: number, frame = FRAME): void {
  for (let remaining = mib * MIB; remaining > 0; remaining -= frame.length) peer.send(frame);
}

async function stalled(
  opened: OpenPort,
  frame = FRAME,
): Promise<{ client: RawSocket; fakePeer: FakePeer }> {
  const client = await RawSocket.open(opened.port);
  const fakePeer = opened.handler.peers.at(-1)!;
  send(fakePeer, MUCH, frame);
  return { client, fakePeer };
}

/** Lets time pass, and asserts that a peer that reads nothing is dropped after this many seconds, and not before. */
async function isDroppedAfter(
  seconds: number,
  { clock, handler }: OpenPort,
  fakePeer: FakePeer,
): Promise<void> {
  await turn();
  clock.advance((seconds - 1) * 1000);
  assertEquals(fakePeer.closed, 0);
  clock.advance(3000);
  assertEquals([fakePeer.closed, handler.reasons], [1, [`it read nothing for ${seconds} s`]]);
}

/** Each promise, and its test. */
export const reads: Readonly<Record<string, (listen: Transport) => Promise<void>>> = {
  async "data for a peer that does not read is buffered, and the handler is told once it reads"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    using client = await RawSocket.open(opened.port);
    const [fakePeer] = opened.handler.peers;
    const { peer } = fakePeer!;
    assertEquals(peer.buffered, 0);
    send(fakePeer!, MUCH);
    await turn();
    assert(peer.buffered > MUCH / 2 * MIB, `${peer.buffered} bytes are buffered`);
    let drained = false;
    const whenDrained = peer.drained().then(() => drained = true);
    await turn();
    assertEquals(drained, false);
    await read(client, MUCH * MIB);
    await withTimeout(whenDrained);
    assert(peer.buffered < 64 * 1024, `${peer.buffered} bytes are buffered`);
  },

  async "a frame with a shared end arrives in order like any other, at any length"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    using client = await RawSocket.open(opened.port);
    const { peer } = opened.handler.peers[0]!;
    const ends = [0, 60, 61, 62, 32_765, 32_766, MIB].map((length) =>
      new SharedSuffix("é".repeat(length), "]}")
    );
    for (const end of ends) {
      peer.send("before");
      peer.sendShared!("[", end, 2 * end.length);
      peer.send("after");
    }
    for (const text of ends.flatMap(({ body }) => ["before", `[${body}]}`, "after"])) {
      const { opcode, payload } = (await withTimeout(client.next()))!;
      // Compared here, because a diff would be too long.
      assertEquals([opcode, new TextDecoder().decode(payload) === text], [1, true]);
    }
  },

  async "a peer that reads nothing for 8 s is dropped, once, and nothing of it is kept"(listen) {
    await using opened = await OpenPort.with(listen);
    const { handler, clock } = opened;
    const { client, fakePeer } = await stalled(opened);
    using _client = client;
    const drained = fakePeer.peer.drained();
    await pass(opened, 7);
    assertEquals([fakePeer.closed, handler.reasons], [0, []]);
    await pass(opened, 3);
    assertEquals([fakePeer.closed, handler.reasons], [1, ["it read nothing for 8 s"]]);
    assertEquals([fakePeer.peer.buffered, clock.waiting], [0, 0]);
    await withTimeout(drained);
    fakePeer.peer.send("too late");
    fakePeer.peer.close(1000, "too late");
    fakePeer.peer.drop("a test");
    client.cut();
    await pass(opened, 10);
    assertEquals([fakePeer.closed, handler.reasons.length, handler.failures], [1, 1, []]);
    assertEquals(handler.slowReaders, 1);
  },

  async "a peer that is dropped for another reason is no slow reader"(listen) {
    await using opened = await OpenPort.with(listen);
    const { client, fakePeer } = await stalled(opened);
    using _client = client;
    fakePeer.peer.drop("a test");
    assertEquals([opened.handler.reasons, opened.handler.slowReaders], [["a test"], 0]);
  },

  async "a peer has as long for large frames as they take at 8 KiB per second, and no longer"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    const { fakePeer, client } = await stalled(opened, LARGE_FRAME);
    using _client = client;
    await isDroppedAfter(8 + 2 * MIB / (8 * 1024), opened, fakePeer);
  },

  async "a peer that cannot report reading has extra time for the system's buffers, and no more"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    const { fakePeer, client } = await stalled(opened);
    using _client = client;
    fakePeer.peer.cannotConfirmReads!();
    await isDroppedAfter(8 + MIB / (8 * 1024), opened, fakePeer);
  },

  async "a peer that cannot report reading and does not answer a close is dropped after 8 s"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    const { fakePeer, client } = await stalled(opened);
    using _client = client;
    fakePeer.peer.cannotConfirmReads!();
    fakePeer.peer.close(1008, "enough");
    await pass(opened, 10);
    assertEquals(fakePeer.closed, 1);
  },

  async "a peer that reports reading is kept, however slowly its buffer shrinks, until it stops reporting"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    const { fakePeer, client } = await stalled(opened);
    using _client = client;
    for (let i = 0; i < 10; i++) {
      await pass(opened, 6);
      fakePeer.peer.confirmRead!();
    }
    assertEquals(fakePeer.closed, 0);
    await pass(opened, 10);
    assertEquals(fakePeer.closed, 1);
  },

  async "a peer that reads slowly is kept"(listen) {
    await using opened = await OpenPort.with(listen);
    const { handler, clock } = opened;
    const { client, fakePeer } = await stalled(opened);
    using _client = client;
    for (let i = 0; i < 5; i++) {
      // As much as the system may buffer before it asks for more.
      await read(client, 5 * MIB);
      await pass(opened, 6);
    }
    assertEquals([fakePeer.closed, handler.reasons], [0, []]);
    await read(client, (MUCH - 25) * MIB);
    await pass(opened, 2);
    assertEquals(clock.waiting, 0);
  },

  async "a peer that reads a growing amount of data is kept"(listen) {
    await using opened = await OpenPort.with(listen);
    const { client, fakePeer } = await stalled(opened);
    using _client = client;
    for (let i = 0; i < 12; i++) {
      // At the end of each second it has more to read than before.
      await read(client, 6 * MIB);
      send(fakePeer, 8);
      await pass(opened, 1);
    }
    assertEquals([fakePeer.closed, opened.handler.reasons], [0, []]);
  },

  async "idle peers need no timer, and stalled peers share one"(listen) {
    await using opened = await OpenPort.with(listen);
    const { handler, clock } = opened;
    const clients: RawSocket[] = [];
    for (let i = 0; i < 20; i++) clients.push(await RawSocket.open(opened.port));
    for (const { peer } of handler.peers) peer.send("little");
    await turn();
    assertEquals(clock.waiting, 0);
    for (const fakePeer of handler.peers.slice(0, 3)) send(fakePeer, MUCH);
    assertEquals(clock.waiting, 1);
    await pass(opened, 10);
    assertEquals([handler.present, handler.reasons.length, clock.waiting], [17, 3, 0]);
    for (const client of clients) client.cut();
    await withTimeout(handler.until(() => handler.present === 0));
  },
};
