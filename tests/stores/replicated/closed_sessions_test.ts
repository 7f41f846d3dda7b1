import { assertEquals } from "@std/assert";
import { type Command, StoreError } from "../../../stores/store.ts";
import { numbered, texts } from "../../../testing/store/support.ts";
import { NO_FAULTS } from "../../support/faulty_record_log.ts";
import { ReplicatedServers } from "../../support/replicated_servers.ts";
import { contentsOf } from "../../support/store_contents.ts";

Deno.test("what a server still has of a client that went to another one, and closed there, is not stored again", async () => {
  await using servers = new ReplicatedServers();
  const [one, other] = await servers.openAll(2);
  const apply = async ({ store }: typeof one & object, ...commands: Command[]) => {
    const results = await store.apply({ time: store.now(), commands });
    return results.map((result) => result instanceof StoreError ? result.code : result);
  };
  const open = (attempt: number): Command => ({ type: "open_session", session: "s", attempt });
  await servers.during(apply(one!, open(1), numbered("s", 1)));
  // Its records take long.
  one!.log.faults = {
    ...NO_FAULTS,
    append: () => ({ copies: [2000], answer: 0, outcome: "stored" }),
  };
  const late = apply(one!, numbered("s", 2), numbered("other", 1));
  await servers.pass(10);
  await servers.during(apply(other!, open(2), numbered("s", 2)));
  await servers.during(apply(other!, { type: "forget_session", session: "s" }));
  const [closed, others] = await servers.during(late);
  assertEquals(closed, "session_taken_over");
  assertEquals((others as { seq: number }).seq, 3);
  await servers.pass(100);
  assertEquals(await texts(other!.store), ["s 1", "s 2", "other 1"]);
  assertEquals(await contentsOf(one!.store), await contentsOf(other!.store));
});
