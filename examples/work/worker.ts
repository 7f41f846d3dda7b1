// A worker: start as many of these as you like, here or on other machines; they share the messages of "mails".
// Run it with: deno run --allow-net examples/work/worker.ts [URL]
// and put mails: deno run --allow-net cli.ts put mails '{"to":"alice@example.org"}' --key alice
import { connect, dead } from "@dsmq/server";

await using mq = await connect(Deno.args[0], { reconnect: { timeout: Infinity } });

await using worker = mq.work("mails", async ({ body, key, seq, attempt, signal }) => {
  const { to } = JSON.parse(body);
  if (typeof to !== "string") throw dead("it has no address");
  // Where the mail is sent: what waits gets the signal, which aborts when somebody else may have the message.
  await send(to, signal);
  console.log(`sent message ${seq} to ${to}, key ${key ?? "none"}, attempt ${attempt}`);
}, { concurrency: 4, timeout: 60_000, onError: (error) => console.error(error) });

// The first Ctrl-C finishes what runs.
Deno.addSignalListener("SIGINT", () => void worker.stop());
console.log("working on mails");
await worker.closed;
console.log(`stopped after ${worker.stats.done} mails`);
Deno.exit();

/** Stands for the real thing. */
function send(_to: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 10);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
