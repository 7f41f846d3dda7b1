// Like cron, on several machines for safety: each minute all of them put a message, and one message is stored, since all
// have the same messageId. Run it with: deno run --allow-net examples/work/tick.ts [URL [SECONDS [TICKS]]]
import { connect } from "@dsmq/server";

const [url, seconds = "60", ticks = "Infinity"] = Deno.args;
const period = Number(seconds) * 1000;
await using mq = await connect(url, { reconnect: { timeout: Infinity } });

for (let left = Number(ticks); left > 0; left--) {
  const tick = Math.ceil((Date.now() + 1) / period) * period;
  await new Promise((resolve) => setTimeout(resolve, tick - Date.now()));
  const at = new Date(tick).toISOString();
  const seq = await mq.put("reports", at, { messageId: `report ${at}` });
  console.log(`message ${seq} is the report of ${at}`);
}
