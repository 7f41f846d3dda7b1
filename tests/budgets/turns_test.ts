import { assert, assertEquals } from "@std/assert";
import type { Turn } from "../../budgets/turns.ts";
import { ManualTurns, settled } from "../support/manual_turns.ts";

/** A connection that works on and on, a millisecond at a time, and yields as it should. */
function busy(manual: ManualTurns, turn: Turn, done: () => void): void {
  const goOn = () => {
    while (!turn.isOver) {
      manual.spend(1);
      turn.charge(1);
      done();
    }
    turn.next(goOn);
  };
  goOn();
}

Deno.test("however many connections work without end, the network is polled after 10 ms at most", async () => {
  const manual = new ManualTurns();
  const before = manual.now();
  for (let i = 0; i < 1000; i++) busy(manual, manual.turns.join(), () => {});
  assert(manual.now() - before <= 10, `${manual.now() - before} ms passed first`);
  for (let rounds = 0; rounds < 100; rounds++) {
    const began = manual.now();
    await manual.networkLook();
    assert(manual.now() - began <= 5, `${manual.now() - began} ms passed between two looks`);
  }
});

Deno.test("connections that work without end have equal turns", async () => {
  const manual = new ManualTurns();
  const done = new Array<number>(30).fill(0);
  done.forEach((_, i) => busy(manual, manual.turns.join(), () => done[i]!++));
  for (let rounds = 0; rounds < 600; rounds++) await manual.networkLook();
  const [min, max] = [Math.min(...done), Math.max(...done)];
  assert(min > 0 && max <= 2 * min, `between ${min} and ${max} ms`);
});

Deno.test("a connection that has used little is served before all that have used much", async () => {
  const manual = new ManualTurns();
  let spent = 0;
  for (let i = 0; i < 30; i++) busy(manual, manual.turns.join(), () => spent++);
  for (let rounds = 0; rounds < 60; rounds++) await manual.networkLook();
  const honest = manual.turns.join();
  assertEquals(honest.mayAccept(), true);
  manual.spend(20);
  assertEquals(honest.mayAccept(), false);
  spent = 0;
  let spentBefore: number | undefined;
  honest.next(() => spentBefore = spent);
  await manual.networkLook();
  assertEquals(spentBefore, 0);
});

Deno.test("a connection that has used much has its turn in the end, even if others that used less never stop", async () => {
  const manual = new ManualTurns();
  const heavy = manual.turns.join();
  heavy.charge(500);
  let had = false;
  heavy.next(() => had = true);
  let rounds = 0;
  for (; !had && rounds < 200; rounds++) {
    for (let i = 0; i < 10; i++) manual.turns.join().next(() => manual.spend(1));
    await manual.networkLook();
  }
  assert(had, `no turn in ${rounds} looks at the network`);
});

Deno.test("after a pause a connection is served at once, whatever it has used", () => {
  const manual = new ManualTurns();
  const turn = manual.turns.join();
  assert(turn.mayAccept());
  manual.spend(30);
  turn.charge(30);
  assert(turn.isOver);
  manual.spend(4);
  assert(turn.mayAccept(), "the network was looked at while nothing was done");
});

Deno.test("cheap pieces of work with short pauses in between yield to others", () => {
  const manual = new ManualTurns({ others: false });
  const turn = manual.turns.join();
  let time = 0;
  // The system delivers piece after piece; in the pauses it reads the next one, and looks at nothing else.
  for (; turn.mayAccept() && time < 1000; time += 2) {
    manual.spend(0.5);
    turn.charge(0.5);
    manual.spend(1.5);
  }
  assert(time <= 30, `it was read for ${time} ms`);
});

Deno.test("what a connection has received and not done holds back what it sends", async () => {
  const manual = new ManualTurns();
  const turn = manual.turns.join();
  turn.busy();
  assertEquals(turn.mayAccept(), false);
  let entered = 0;
  turn.acceptNext(() => entered++);
  await settled();
  assertEquals([entered, manual.awaited], [0, false]);
  turn.idle();
  await manual.networkLook();
  assertEquals([entered, turn.mayAccept()], [1, true]);
});

Deno.test("a connection that has left gets no turn", async () => {
  const manual = new ManualTurns();
  const turn = manual.turns.join();
  let turns = 0;
  const cancel = turn.next(() => turns++);
  cancel();
  cancel();
  turn.next(() => turns += 10);
  await manual.networkLook();
  cancel();
  assertEquals([turns, manual.turns.hasWaiting], [10, false]);
});

Deno.test("a connection that is alone is interrupted every 20 ms, until another one is active", async () => {
  const manual = new ManualTurns({ others: false });
  const turn = manual.turns.join();
  assert(turn.mayAccept());
  turn.charge(100);
  const until = () => {
    const began = manual.now();
    for (; !turn.isOver; manual.spend(1)) turn.charge(1);
    return manual.now() - began;
  };
  manual.spend(200);
  assert(turn.mayAccept());
  assertEquals(until(), 20);
  turn.next(() => {});
  await manual.networkLook();
  manual.turns.join().begin();
  assertEquals(until(), 5);
});

Deno.test("of those that wait, the ones with little to do go first, and not 500 new ones with much to do", async () => {
  const manual = new ManualTurns();
  const honest = manual.turns.join();
  honest.charge(3);
  const served: string[] = [];
  for (let i = 0; i < 500; i++) {
    const goOn = () => {
      manual.spend(2);
      served.push("newcomer");
    };
    manual.turns.join().next(goOn, 64 * 1024);
  }
  honest.next(() => served.push("honest"), 100);
  await manual.networkLook();
  assertEquals(served[0], "honest");
});

Deno.test("when others wait, a new connection is served at once only with little to do", async () => {
  const manual = new ManualTurns();
  manual.turns.join().next(() => {});
  assertEquals(manual.turns.join().mayAccept(64 * 1024), false);
  assertEquals(manual.turns.join().mayAccept(100), true);
  await manual.networkLook();
  assertEquals(manual.turns.join().mayAccept(64 * 1024), true);
});

Deno.test("a connection that asks for it goes on after others that were active just before, and at once if there are none", async () => {
  const manual = new ManualTurns({ others: false });
  const [putter, reader] = [manual.turns.join(), manual.turns.join()];
  let served = false;
  const goOn = () => served = true;
  reader.begin();
  assertEquals(reader.afterOthers(goOn), false);
  putter.begin();
  reader.begin();
  assertEquals([reader.afterOthers(goOn), served], [true, false]);
  await settled();
  await settled();
  assertEquals(served, true);
  // Those that wait for the network were there before.
  served = false;
  let putterServed = false;
  manual.spend(11);
  putter.next(() => putterServed = true);
  reader.begin();
  assertEquals(reader.afterOthers(() => served = putterServed), true);
  await manual.networkLook();
  assertEquals(served, true);
  manual.spend(20);
  reader.begin();
  assertEquals(reader.afterOthers(goOn), false);
});
