import { assertEquals } from "@std/assert";
import { Budget } from "../../budgets/budget.ts";
import { EvictingBudget } from "../../budgets/evicting_budget.ts";

/** A budget whose clock the test controls. */
function opened(size: { own: number; shared: number }) {
  const clock = { time: 0 };
  const budget = new Budget(size);
  const evicting = new EvictingBudget(budget, { grace: 1000, now: () => clock.time });
  const evicted: string[] = [];
  const open = (holder: string, name = holder) => evicting.open(holder, () => evicted.push(name));
  return { budget, clock, gone: evicted, open };
}

Deno.test("what a client holds within its own share costs others nothing", () => {
  const { budget, open, gone: evicted } = opened({ own: 10, shared: 100 });
  for (let i = 0; i < 1000; i++) open("a").set(10);
  assertEquals([budget.free, evicted], [100, []]);
});

Deno.test("a client that asks for more than its share is evicted itself, while no other has had one for long", () => {
  const { budget, clock, open, gone: evicted } = opened({ own: 0, shared: 100 });
  open("a", "first").set(40);
  clock.time = 999;
  open("a", "second").set(21);
  assertEquals([evicted, budget.free], [["second"], 60]);
});

Deno.test("when there is no room, the client that has had a share for longest is evicted", () => {
  const { budget, clock, open, gone: evicted } = opened({ own: 0, shared: 100 });
  const [first, second] = [open("a", "first"), open("a", "second")];
  first.set(20);
  clock.time = 1;
  second.set(20);
  clock.time = 1001;
  open("a", "third").set(30);
  assertEquals(evicted, ["first"]);
  assertEquals(budget.free, 50);
  // They were evicted: what they hold afterwards counts nowhere.
  first.set(50);
  first.close();
  assertEquals([budget.free, evicted], [50, ["first"]]);
});

Deno.test("no client is evicted for a holder that has more than its own share", () => {
  const { clock, open, gone: evicted } = opened({ own: 0, shared: 100 });
  open("small").set(10);
  clock.time = 5000;
  open("large", "first").set(45);
  open("large", "second").set(45);
  assertEquals(evicted, ["second"]);
});

Deno.test("a new client gets room from those that have much, however many they are", () => {
  const { clock, open, gone: evicted } = opened({ own: 0, shared: 1000 });
  for (let i = 0; i < 2000; i++) open(`client ${i}`).set(1);
  assertEquals(evicted.length, 1000);
  clock.time = 1001;
  evicted.length = 0;
  open("newcomer").set(20);
  assertEquals(evicted, Array.from({ length: evicted.length }, (_, i) => `client ${i}`));
  // As much has to be free as it has then.
  assertEquals(evicted.length, 39);
});

Deno.test("an evicted client begins anew: its time is counted from then on", () => {
  const { clock, open, gone: evicted } = opened({ own: 10, shared: 100 });
  const busy = open("a", "busy");
  for (; clock.time < 5000; clock.time += 100) {
    busy.set(50);
    busy.set(0);
  }
  busy.set(50);
  open("a", "other").set(40);
  assertEquals(evicted, ["other"]);
});

Deno.test("whoever is renewed with each request, or has a share now and then, is found by another key each time", () => {
  const { open } = opened({ own: 10, shared: 1000 });
  open("other").set(20);
  const account = open("one");
  const original = Set.prototype.delete;
  const deleted: unknown[] = [];
  Set.prototype.delete = function (key) {
    deleted.push(key);
    return original.call(this, key);
  };
  try {
    for (let i = 0; i < 100; i++) {
      account.set(20);
      account.renew();
      account.set(10);
    }
  } finally {
    Set.prototype.delete = original;
  }
  assertEquals([deleted.length, new Set(deleted).size], [200, 200]);
});
