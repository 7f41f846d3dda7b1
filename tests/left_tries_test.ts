import { assert, assertEquals } from "@std/assert";
import { Claims } from "../queue/claims.ts";
import { LeftTries } from "../queue/left_tries.ts";

Deno.test("one who leaves very many sessions has his own forgotten, the oldest first, and nobody else's", () => {
  const left = new LeftTries(100);
  for (let i = 0; i < 10; i++) left.set(`honest ${i}`, "good", i + 1);
  for (let i = 0; i < 10_000; i++) left.set(`session ${i}`, "weak", 1);
  for (let i = 0; i < 10; i++) assertEquals(left.get(`honest ${i}`), i + 1);
  assert(left.size <= 100, `${left.size} are remembered`);
  assertEquals([left.get("session 0"), left.get("session 9999")], [undefined, 1]);
});

Deno.test("of one owner alone half of them are remembered, and what is in use again is forgotten", () => {
  const left = new LeftTries(100);
  for (let i = 0; i < 200; i++) left.set(`session ${i}`, "", i);
  assertEquals([left.size, left.get("session 149"), left.get("session 150")], [50, undefined, 150]);
  for (let i = 0; i < 200; i++) left.delete(`session ${i}`);
  assertEquals(left.size, 0);
  left.set("session 1", "", 7);
  left.set("session 1", "other", 8);
  assertEquals([left.size, left.get("session 1")], [1, 8]);
});

Deno.test("who has no token has the last try of its session remembered, however many sessions others leave from elsewhere", () => {
  const claims = new Claims();
  const from = (address: string) => ({ identity: "", owner: `@${address}`, replaced() {} });
  const [honest, stranger] = [from("10.0.0.1"), from("10.0.0.2")];
  claims.claim("honest", honest, 5);
  claims.release("honest", honest);
  for (let i = 0; i < 50_000; i++) {
    claims.claim(`session ${i}`, stranger, 1);
    claims.release(`session ${i}`, stranger);
  }
  assertEquals(claims.claim("honest", honest, 4), false);
  assertEquals(claims.claim("honest", honest, 5), true);
});
