/**
 * Python's `requests`, as Debian has it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { testHttp } from "../support/http_server.ts";
import { LostAnswers } from "../support/lost_answers.ts";
import { Program, ROOT } from "../support/program.ts";
import { findPython } from "../support/python.ts";

const PROGRAM = `${ROOT.pathname}tests/programs/requests_client.py`;

/** What the program prints. */
const GOT = [
  { step: "exact", got: true },
  { step: "idempotent", got: [true, true] },
  { step: "page", got: ["seven", "ann", "order-7", { source: "cron" }] },
  { step: "wait", got: ["waited for"] },
  { step: "follow", got: ["followed 1", "followed 2", "followed 3"] },
  { step: "retry", got: [201, true] },
  { step: "latin", got: [400, "bad_message"] },
  { step: "gone", got: [410, "epoch_changed", "0"] },
];

const python = await findPython("requests");

testHttp(
  "a program on Python's requests puts, reads, waits, follows, and puts once what it repeats",
  async (open) => {
    await using server = await open();
    await using lossy = new LostAnswers(server.port, 1);
    await using mq = await connect(server.url, { since: "start" });
    const env = { no_proxy: "*" };
    await using program = new Program([PROGRAM, server.origin, lossy.origin], env, [], python!);
    const { code, stdout, stderr } = await program.end();
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout.split("\n").map((line) => JSON.parse(line)), GOT);
    const bodies: string[] = [];
    for (let message; (message = await mq.read("t"));) bodies.push(message.body);
    assertEquals([lossy.lost, bodies.filter((body) => body === "once").length], [1, 1]);
  },
  python === undefined && "no python3 with the module requests",
);
