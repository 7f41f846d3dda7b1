// Fencing: a handler that was too slow, and did not notice, cannot overwrite what its successor has written. Each delivery of
// a message has a claim, larger than all before it; the database refuses a smaller one than it has seen.
// Run it with: deno run --allow-net --allow-env --allow-read examples/work/fenced.ts
import { DatabaseSync } from "node:sqlite";
import { connect, type Job, serve } from "@dsmq/server";

const db = new DatabaseSync(":memory:");
db.exec("CREATE TABLE reports (name TEXT PRIMARY KEY, text TEXT, claim INTEGER)");

/** Stores the result of a job, unless a later delivery of its message has stored one. */
function store({ seq, claim }: Job, text: string): boolean {
  const { changes } = db.prepare(
    `INSERT INTO reports VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE
     SET text = excluded.text, claim = excluded.claim WHERE claim < excluded.claim`,
  ).run(`message ${seq}`, text, claim);
  return changes === 1;
}

await using server = await serve({ port: 0 });
await using mq = await connect(server.url);
await mq.put("reports", "make one");

// The first one does not obey its signal, and goes on after its time is over.
const begun = Promise.withResolvers<Job>();
const slow = mq.work("reports", (job) => {
  begun.resolve(job);
  return new Promise(() => {});
}, { timeout: 100 });
const late = await begun.promise;
const isOver = new Promise((resolve) => late.signal.addEventListener("abort", resolve));
await isOver;
void slow.stop();

// So somebody else gets the message, and stores a result.
const job = (await mq.claim("reports", { wait: 10_000 }))!;
console.log(`attempt ${job.attempt} stored: ${store(job, "the report")}`);
await job.done();
console.log(`attempt ${late.attempt} stored: ${store(late, "an old report")}`);
console.log(db.prepare("SELECT text FROM reports").get()?.text);
