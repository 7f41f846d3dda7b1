// Prints messages as they arrive, until none has arrived for 3 s. Start it before the put client.
// Run it with: deno run --allow-net examples/get_client.ts [URL]
import { connect } from "@dsmq/server";

await using mq = await connect(Deno.args[0]);
console.log("waiting for greetings");

for (;;) {
  const message = await mq.getWait("greetings", { timeout: 3000 });
  if (message === "") break;
  console.log(`got: ${message}`);
}
