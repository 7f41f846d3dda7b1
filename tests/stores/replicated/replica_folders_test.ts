import { assertEquals } from "@std/assert";
import { FileLock } from "../../../stores/file_lock.ts";
import { makeReplicaFolder } from "../../../stores/replicated/replica_folders.ts";

Deno.test("a server that starts removes the temporary replicas of servers that were killed, and no others", async () => {
  const mine = makeReplicaFolder();
  const parent = mine.slice(0, mine.lastIndexOf("/") + 1);
  const made = ["dsmq-replica-left", "dsmq-replica-used", "dsmq-replica-new", "dsmq-other"]
    .map((name) => `${parent}${name}-${crypto.randomUUID()}`);
  const [left, used, fresh, other] = made as [string, string, string, string];
  for (const folder of made) {
    await Deno.mkdir(folder);
    await Deno.writeTextFile(`${folder}/replica.db`, "");
    if (folder !== fresh) await Deno.utime(folder, 0, 0);
  }
  const lock = FileLock.acquire(`${used}/replica.db.lock`);
  await Deno.utime(used, 0, 0);
  const another = makeReplicaFolder();
  const exists = (path: string) => Deno.stat(path).then(() => true, () => false);
  assertEquals(
    await Promise.all([mine, left, used, fresh, other].map(exists)),
    [true, false, true, true, true],
  );
  lock.release();
  for (const folder of [mine, another, used, fresh, other]) {
    await Deno.remove(folder, { recursive: true });
  }
});
