/**
 * A log in NATS keeps the contract of logs.
 *
 * @module
 */

import { parseNatsAddress } from "../../../stores/replicated/nats/nats_address.ts";
import { openNatsLog } from "../../../stores/replicated/nats/nats_log.ts";
import { testRecordLog } from "../../contracts/record_log.ts";
import { NatsServer, noNats } from "../../support/nats_server.ts";

let server: Promise<NatsServer> | undefined;
if (!noNats) {
  Deno.test.beforeAll(() => (server = NatsServer.start()).then(() => {}, () => {}));
  Deno.test.afterAll(async () =>
    await server?.then((each) => each[Symbol.asyncDispose](), () => {})
  );
}

async function open(name: string, query: string) {
  const address = parseNatsAddress(`nats://${(await server!).host}/${name}?${query}`);
  return await openNatsLog({ address });
}

testRecordLog("NATS", (name) => open(name, "storage=file"), noNats);
testRecordLog("NATS in memory", (name) => open(name, "storage=memory"), noNats);
