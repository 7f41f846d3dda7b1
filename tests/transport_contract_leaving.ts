/**
 * The contract of a transport: how visits end.
 *
 * @module
 */

import { Budget } from "../budgets/budget.ts";
import { assert, assertEquals } from "@std/assert";
import type { Transport } from "../transports/transport.ts";
import { BareClient, clientFrame, upgradeRequest } from "./support/bare_client.ts";
import { Opened } from "./support/inn.ts";
import { soon } from "./support/soon.ts";

/** Each promise, and its proof. */
export const leaving: Readonly<Record<string, (listen: Transport) => Promise<void>>> = {
  async "a goodbye arrives with its code after all that was sent, and ends the visit once"(listen) {
    await using opened = await Opened.with(listen);
    const { inn, clock } = opened;
    using client = await BareClient.open(opened.port);
    const [guest] = inn.guests;
    guest!.peer.send("last words");
    guest!.peer.close(1012, "the server is stopping");
    guest!.peer.close(1011, "twice");
    guest!.peer.send("in vain");
    assertEquals(new TextDecoder().decode((await soon(client.next()))!.payload), "last words");
    assertEquals(await soon(client.closeCode()), 1012);
    await client.say(clientFrame(8, new Uint8Array([3, 244])));
    client.cut();
    await soon(inn.until(() => guest!.closed === 1));
    assertEquals([inn.reasons, inn.failures, clock.waiting], [[], [], 0]);
  },

  async "a peer that does not answer the goodbye is given up"(listen) {
    await using opened = await Opened.with(listen);
    const { inn, clock } = opened;
    using _client = await BareClient.open(opened.port);
    inn.guests[0]!.peer.close(1008, "go");
    for (let i = 0; i < 9; i++) clock.advance(1000);
    assertEquals([inn.guests[0]!.closed, inn.reasons.length, clock.waiting], [1, 1, 0]);
  },

  async "a peer that says goodbye, one that hangs up, and one that is dropped each leave once"(
    listen,
  ) {
    await using opened = await Opened.with(listen);
    const { inn, port } = opened;
    using polite = await BareClient.open(port);
    await polite.say(clientFrame(8, new Uint8Array([3, 232])));
    assertEquals(await soon(polite.closeCode()), 1000);
    polite.cut();
    const rude = await BareClient.open(port);
    rude.cut();
    using _dropped = await BareClient.open(port);
    await soon(inn.until(() => inn.guests.length === 3));
    inn.guests[2]!.peer.drop("it is unwelcome");
    inn.guests[2]!.peer.drop("twice");
    await soon(inn.until(() => inn.present === 0));
    assertEquals(inn.guests.map(({ closed }) => closed), [1, 1, 1]);
    assertEquals(inn.reasons, ["it is unwelcome"]);
  },

  async "a visit that throws at its end harms nobody"(listen) {
    await using opened = await Opened.with(listen);
    const { inn, port } = opened;
    inn.enter = () => ({
      receive() {},
      closed() {
        throw new Error("boom");
      },
    });
    (await BareClient.open(port)).cut();
    await soon(inn.until(() => inn.failures.length === 1));
    using _other = await BareClient.open(port);
  },

  async "peers that are cut in the middle of their handshake leave nothing"(listen) {
    await using opened = await Opened.with(listen);
    const { inn, port, clock } = opened;
    const request = upgradeRequest();
    for (let i = 0; i < 200; i++) {
      using client = await BareClient.connect(port);
      // Anywhere in it, and right behind it.
      await client.say(request.slice(0, (i * 7) % (request.length + 7)));
    }
    using _honest = await BareClient.open(port);
    await soon(inn.until(() => inn.present === 1));
    assertEquals([inn.failures, inn.reasons, clock.waiting], [[], [], 0]);
  },

  async "stopping cuts whoever is there, and frees the port"(listen) {
    const opened = await Opened.with(listen);
    const { inn, port, clock } = opened;
    using silent = await BareClient.connect(port);
    using half = await BareClient.connect(port);
    await half.say("GET / HTTP/1.1\r\nHost: ");
    using kept = await BareClient.connect(port);
    await kept.say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert((await soon(kept.head())).startsWith("HTTP/1.1 200"));
    using client = await BareClient.open(port);
    const { peer } = inn.guests[0]!;
    for (let i = 0; i < 32; i++) peer.send("x".repeat(1024 * 1024));
    await soon(opened.stop());
    await soon(opened.stop());
    assertEquals(clock.waiting, 0);
    for (const one of [silent, half, kept, client]) {
      const ended = async () => {
        while (await one.skim(1024 * 1024) > 0);
      };
      await soon(ended());
    }
    await soon(inn.until(() => inn.present === 0));
    const again = await listen({ host: "127.0.0.1", port }, inn, {
      frameBytes: 1024,
      partial: new Budget({ own: 8192, shared: 2 ** 27 }),
      unread: new Budget({ own: 16_384, shared: 2 ** 27 }),
      headerTime: 8000,
      rest: Infinity,
      patience: 8000,
      after: () => () => {},
    });
    await again.stop();
  },
};
