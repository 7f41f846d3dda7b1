// Puts a few messages. Run it with: deno run --allow-net examples/put_client.ts [URL]
import { connect } from "@dsmq/server";

await using mq = await connect(Deno.args[0]);

for (let i = 1; i <= 5; i++) {
  const message = `hello number ${i}`;
  await mq.put("greetings", message);
  console.log(`put: ${message}`);
}
