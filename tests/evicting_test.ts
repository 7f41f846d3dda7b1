import { assertEquals } from "@std/assert";
import { Budget } from "../budgets/budget.ts";
import { EvictingBudget } from "../budgets/evicting.ts";

/** A budget with a clock of the test's own. */
function opened(size: { own: number; shared: number }) {
  const clock = { time: 0 };
  const budget = new Budget(size);
  const evicting = new EvictingBudget(budget, { grace: 1000, now: () => clock.time });
  const gone: string[] = [];
  const open = (holder: string, name = holder) => evicting.open(holder, () => gone.push(name));
  return { budget, clock, gone, open };
}

Deno.test("what one holds within its own costs nobody else anything", () => {
  const { budget, open, gone } = opened({ own: 10, shared: 100 });
  for (let i = 0; i < 1000; i++) open("a").hold(10);
  assertEquals([budget.free, gone], [100, []]);
});

Deno.test("one who asks for more than its share goes itself, while nobody has had one for long", () => {
  const { budget, clock, open, gone } = opened({ own: 0, shared: 100 });
  open("a", "first").hold(40);
  clock.time = 999;
  open("a", "second").hold(21);
  assertEquals([gone, budget.free], [["second"], 60]);
});

Deno.test("where there is no room, who has had a share for longest gives way", () => {
  const { budget, clock, open, gone } = opened({ own: 0, shared: 100 });
  const [first, second] = [open("a", "first"), open("a", "second")];
  first.hold(20);
  clock.time = 1;
  second.hold(20);
  clock.time = 1001;
  open("a", "third").hold(30);
  assertEquals(gone, ["first"]);
  assertEquals(budget.free, 50);
  // It is over for them: what they hold afterwards counts nowhere.
  first.hold(50);
  first.close();
  assertEquals([budget.free, gone], [50, ["first"]]);
});

Deno.test("nobody is evicted for a holder that has more than its own", () => {
  const { clock, open, gone } = opened({ own: 0, shared: 100 });
  open("small").hold(10);
  clock.time = 5000;
  open("large", "first").hold(45);
  open("large", "second").hold(45);
  assertEquals(gone, ["second"]);
});

Deno.test("a newcomer gets room from those who have much, however many they are", () => {
  const { clock, open, gone } = opened({ own: 0, shared: 1000 });
  for (let i = 0; i < 2000; i++) open(`stranger ${i}`).hold(1);
  assertEquals(gone.length, 1000);
  clock.time = 1001;
  gone.length = 0;
  open("newcomer").hold(20);
  assertEquals(gone, Array.from({ length: gone.length }, (_, i) => `stranger ${i}`));
  // As much has to be free as it has then.
  assertEquals(gone.length, 39);
});

Deno.test("what was over begins anew: its time is counted from then on", () => {
  const { clock, open, gone } = opened({ own: 10, shared: 100 });
  const busy = open("a", "busy");
  for (; clock.time < 5000; clock.time += 100) {
    busy.hold(50);
    busy.hold(0);
  }
  busy.hold(50);
  open("a", "other").hold(40);
  assertEquals(gone, ["other"]);
});
