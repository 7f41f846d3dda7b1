/**
 * A server that accepts a client and disconnects it at once is not flooded: the delays grow until a connection was of use.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { ScriptedServer } from "../support/scripted_server.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";

const WHEN = ["before hello is answered", "right behind it", "a while after it"] as const;

for (const code of [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1009, 1011, 1012, 1013, 4000]) {
  for (const when of WHEN) {
    Deno.test(`a server that closes with ${code} ${when} is asked ever less often`, () =>
      inVirtualTime(async (time) => {
        const script = new ScriptedServer();
        let storms = false;
        const at: number[] = [];
        const dial = () => {
          const socket = script.dial();
          const send = socket.send.bind(socket);
          socket.send = (data) => {
            if (!storms || !(data as string).includes('"hello"')) return send(data);
            at.push(time.now);
            if (when !== "before hello is answered") send(data);
            setTimeout(() => script.hangUp(code), when === "a while after it" ? 50 : 0);
          };
          return socket;
        };
        const mq = await connect(undefined, { dial });
        storms = true;
        // With a wait and a stream, which are sent again each time.
        const waiting = mq.getWait("t", { timeout: 60_000 }).catch(() => {});
        const stream = mq.subscribe("t").next().catch(() => {});
        script.hangUp(code);
        await pass(60_000);
        assertEquals(mq.status === "connected" ? "reconnecting" : mq.status, "reconnecting");
        // A delay is random up to 5 s: some 30 attempts in the end, and a few at the beginning.
        assert(at.length > 10 && at.length < 60, `${at.length} tries`);
        storms = false;
        await pass(6000);
        assertEquals(mq.status, "connected");
        const closing = mq.close();
        await pass(10_000);
        await Promise.all([closing, waiting, stream]);
      }));
  }
}

for (const timeout of [15_000, 60_000]) {
  const ends = {
    1001: "it was closed: the server, or a proxy, is going away",
    1006: "it broke off",
    1011: "it was closed with code 1011",
    1012: "it was closed: the server is restarting",
    1013: "it was closed with code 1013",
  };
  for (const [code, reason] of Object.entries(ends)) {
    Deno.test(`the first connection is tried for its ${timeout} ms when a server closes each with ${code}, which is reported in words`, () =>
      inVirtualTime(async (time) => {
        let dials = 0;
        const dial = () => {
          dials++;
          const script = new ScriptedServer();
          const socket = script.dial();
          socket.send = () => void setTimeout(() => script.hangUp(Number(code)), 0);
          return socket;
        };
        const error = await connect(undefined, { dial, timeout }).catch((error) => error);
        assertEquals(Math.round(time.now), timeout);
        assert(
          ["unreachable", "shutting_down", "limit_exceeded"].includes(error.code),
          error.message,
        );
        assert(error.message.includes(`: ${reason} (`), error.message);
        assert(dials > 15 && dials < 80, `${dials} tries`);
      }));
  }
}

Deno.test("a server that refuses hello for a while is asked again, and its text is reported", () =>
  inVirtualTime(async () => {
    for (const code of ["shutting_down", "limit_exceeded", "unavailable", "busy", "behind"]) {
      const script = new ScriptedServer();
      let refuses = 3;
      const dial = () => {
        const socket = script.dial();
        const send = socket.send.bind(socket);
        socket.send = (data) => {
          const { id } = JSON.parse(data as string);
          if (refuses-- <= 0) return send(data);
          queueMicrotask(() => void script.send({ id, error: { code, message: "not just now" } }));
        };
        return socket;
      };
      const retries: string[] = [];
      const mq = await connect(undefined, {
        dial,
        onRetry: ({ code, message }) => retries.push(code + message),
      });
      assertEquals(mq.status, "connected");
      assertEquals(retries.length, 3);
      assert(retries.every((words) => words.startsWith(code) && words.endsWith("not just now")));
    }
  }));
