import { assert, assertEquals } from "@std/assert";
import type { Turn } from "../budgets/turns.ts";
import { ManualTurns, settled } from "./support/manual_turns.ts";

/** One who works on and on, a millisecond at a time, and gives way as it should. */
function busy(manual: ManualTurns, turn: Turn, done: () => void): void {
  const goOn = () => {
    while (!turn.isOver) {
      manual.work(1);
      turn.charge(1);
      done();
    }
    turn.next(goOn);
  };
  goOn();
}

Deno.test("however many connections work without end, the network is looked at after 10 ms at most", async () => {
  const manual = new ManualTurns();
  const before = manual.now();
  for (let i = 0; i < 1000; i++) busy(manual, manual.turns.join(), () => {});
  assert(manual.now() - before <= 10, `${manual.now() - before} ms passed first`);
  for (let looks = 0; looks < 100; looks++) {
    const began = manual.now();
    await manual.look();
    assert(manual.now() - began <= 5, `${manual.now() - began} ms passed between two looks`);
  }
});

Deno.test("those who work without end have turns alike", async () => {
  const manual = new ManualTurns();
  const done = new Array<number>(30).fill(0);
  done.forEach((_, i) => busy(manual, manual.turns.join(), () => done[i]!++));
  for (let looks = 0; looks < 600; looks++) await manual.look();
  const [least, most] = [Math.min(...done), Math.max(...done)];
  assert(least > 0 && most <= 2 * least, `between ${least} and ${most} ms`);
});

Deno.test("one who has used little is served before all who have used much", async () => {
  const manual = new ManualTurns();
  let work = 0;
  for (let i = 0; i < 30; i++) busy(manual, manual.turns.join(), () => work++);
  for (let looks = 0; looks < 60; looks++) await manual.look();
  const honest = manual.turns.join();
  assertEquals(honest.enters(), true);
  manual.work(20);
  assertEquals(honest.enters(), false);
  work = 0;
  let workBefore: number | undefined;
  honest.next(() => workBefore = work);
  await manual.look();
  assertEquals(workBefore, 0);
});

Deno.test("one who has used much has its turn in the end, although others who used less never cease", async () => {
  const manual = new ManualTurns();
  const heavy = manual.turns.join();
  heavy.charge(500);
  let had = false;
  heavy.next(() => had = true);
  let looks = 0;
  for (; !had && looks < 200; looks++) {
    for (let i = 0; i < 10; i++) manual.turns.join().next(() => manual.work(1));
    await manual.look();
  }
  assert(had, `no turn in ${looks} looks at the network`);
});

Deno.test("after a rest one is served at once, whatever it has used", () => {
  const manual = new ManualTurns();
  const turn = manual.turns.join();
  assert(turn.enters());
  manual.work(30);
  turn.charge(30);
  assert(turn.isOver);
  manual.work(4);
  assert(turn.enters(), "the network was looked at while nothing was done");
});

Deno.test("what comes in pieces that take next to nothing, with short pauses in between, gives way to others", () => {
  const manual = new ManualTurns({ others: false });
  const turn = manual.turns.join();
  let time = 0;
  // The system hands over piece after piece; in the pauses it reads the next one, and looks at nobody else.
  for (; turn.enters() && time < 1000; time += 2) {
    manual.work(0.5);
    turn.charge(0.5);
    manual.work(1.5);
  }
  assert(time <= 30, `it was read for ${time} ms`);
});

Deno.test("what a connection was told and has not done holds back what it says", async () => {
  const manual = new ManualTurns();
  const turn = manual.turns.join();
  turn.busy();
  assertEquals(turn.enters(), false);
  let entered = 0;
  turn.enterNext(() => entered++);
  await settled();
  assertEquals([entered, manual.awaited], [0, false]);
  turn.idle();
  await manual.look();
  assertEquals([entered, turn.enters()], [1, true]);
});

Deno.test("one who has left gets no turn", async () => {
  const manual = new ManualTurns();
  const turn = manual.turns.join();
  let turns = 0;
  const leave = turn.next(() => turns++);
  leave();
  leave();
  turn.next(() => turns += 10);
  await manual.look();
  leave();
  assertEquals([turns, manual.turns.crowded], [10, false]);
});

Deno.test("one who is alone is interrupted every 20 ms, until another one is heard", async () => {
  const manual = new ManualTurns({ others: false });
  const turn = manual.turns.join();
  assert(turn.enters());
  turn.charge(100);
  const until = () => {
    const began = manual.now();
    for (; !turn.isOver; manual.work(1)) turn.charge(1);
    return manual.now() - began;
  };
  manual.work(200);
  assert(turn.enters());
  assertEquals(until(), 20);
  turn.next(() => {});
  await manual.look();
  manual.turns.join().begins();
  assertEquals(until(), 5);
});

Deno.test("of those who wait they go first who have little to do, and not 500 newcomers who have much", async () => {
  const manual = new ManualTurns();
  const honest = manual.turns.join();
  honest.charge(3);
  const served: string[] = [];
  for (let i = 0; i < 500; i++) {
    const goOn = () => {
      manual.work(2);
      served.push("newcomer");
    };
    manual.turns.join().next(goOn, 64 * 1024);
  }
  honest.next(() => served.push("honest"), 100);
  await manual.look();
  assertEquals(served[0], "honest");
});

Deno.test("where others wait, a newcomer is taken in at once only with little to do", async () => {
  const manual = new ManualTurns();
  manual.turns.join().next(() => {});
  assertEquals(manual.turns.join().enters(64 * 1024), false);
  assertEquals(manual.turns.join().enters(100), true);
  await manual.look();
  assertEquals(manual.turns.join().enters(64 * 1024), true);
});

Deno.test("one who asks for it goes on after others who were heard just before, and at once if there are none", async () => {
  const manual = new ManualTurns({ others: false });
  const [putter, reader] = [manual.turns.join(), manual.turns.join()];
  let went = false;
  const goOn = () => went = true;
  reader.begins();
  assertEquals(reader.afterOthers(goOn), false);
  putter.begins();
  reader.begins();
  assertEquals([reader.afterOthers(goOn), went], [true, false]);
  await settled();
  await settled();
  assertEquals(went, true);
  // Those who wait for the network were there before.
  went = false;
  let putterWent = false;
  manual.work(11);
  putter.next(() => putterWent = true);
  reader.begins();
  assertEquals(reader.afterOthers(() => went = putterWent), true);
  await manual.look();
  assertEquals(went, true);
  manual.work(20);
  reader.begins();
  assertEquals(reader.afterOthers(goOn), false);
});
