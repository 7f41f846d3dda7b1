import { assert, assertEquals } from "@std/assert";
import { Budget } from "../../budgets/budget.ts";
import { seeded } from "../../testing/seeded.ts";
import { countDeletes } from "../support/count_deletes.ts";

Deno.test("each connection has a share of its own, whatever others hold", () => {
  const budget = new Budget({ own: 2, shared: 8 });
  for (const one of Array.from({ length: 50 }, (_, i) => budget.open(`greedy ${i}`))) {
    while (one.take());
  }
  const late = budget.open("late");
  assert(late.take(2));
  assert(!late.take(budget.free + 1));
  assertEquals(late.used, 2);
});

Deno.test("one holder has at most half of what is shared, over all its connections", () => {
  const budget = new Budget({ own: 0, shared: 100 });
  const greedy = [1, 2, 3].map(() => budget.open("greedy"));
  for (const one of greedy) while (one.take());
  assertEquals(greedy.reduce((sum, { used }) => sum + used, 0), 50);
  const other = budget.open("other");
  assert(other.take(25));
  assert(!other.take(1));
});

Deno.test("what is returned can be taken again, in any order", () => {
  const random = seeded(7);
  const budget = new Budget({ own: 3, shared: 1000 });
  const accounts = Array.from({ length: 20 }, (_, i) => budget.open(`holder ${i % 7}`));
  const used = accounts.map(() => 0);
  for (let step = 0; step < 20_000; step++) {
    const i = random(accounts.length);
    const account = accounts[i]!;
    const amount = random(40);
    if (random(2) === 0) used[i]! += account.take(amount) ? amount : 0;
    else if (amount <= used[i]!) {
      account.release(amount);
      used[i]! -= amount;
    } else account.moveTo(`holder ${step % 9}`);
    assertEquals(account.used, used[i]);
    const shared = used.reduce((sum, n) => sum + Math.max(0, n - 3), 0);
    assertEquals(budget.free, 1000 - shared);
  }
  for (const account of accounts) {
    account.close();
    account.close();
  }
  assertEquals([budget.free, budget.sharing, budget.holders], [1000, 0, 0]);
});

Deno.test("a connection that changes its holder keeps what it has, and counts for the new one from then on", () => {
  const budget = new Budget({ own: 1, shared: 100 });
  const one = budget.open("address");
  assert(one.take(41));
  one.moveTo("identity");
  assert(budget.open("address").take(30));
  assert(!budget.open("identity").take(2 + 30));
  one.close();
  assertEquals(budget.sharing, 1);
  assertEquals(budget.holders, 2);
});

Deno.test("a client with two names, or ten, gains nothing by moving what it has from one to another", () => {
  for (const names of [2, 10]) {
    const budget = new Budget({ own: 0, shared: 1000 });
    for (let i = 0; i < 200; i++) {
      const one = budget.open(`name ${i % names}`);
      while (one.take());
      for (let k = 0; k < names; k++) one.moveTo(`name ${(i + k) % names}`);
    }
    // The first has half of it, each further one half of what is left.
    assert(budget.free >= Math.floor(1000 / 2 ** names), `${names} names leave ${budget.free}`);
  }
});

Deno.test("a client that takes much at once gets no more than one that takes it bit by bit", () => {
  const budget = new Budget({ own: 0, shared: 100 });
  assert(!budget.open("one").take(51));
  assert(budget.open("one").take(50));
});

Deno.test("a holder whose only account is opened and closed again and again is not forgotten each time", () => {
  const budget = new Budget({ own: 0, shared: 10 });
  budget.open("other");
  const deleted = countDeletes(() => {
    for (let i = 0; i < 1000; i++) {
      const account = budget.open("one");
      assert(account.take(5));
      assertEquals(budget.holders, 2);
      account.close();
      assertEquals([budget.holders, budget.sharing, budget.free], [1, 0, 10]);
    }
  });
  assertEquals(deleted, 0);
});
