import { assert, assertEquals } from "@std/assert";
import { SessionOwners } from "../../connection/session_owners.ts";
import { LastAttempts } from "../../connection/session_owners.ts";

Deno.test("if one client leaves very many sessions, its own are forgotten, the oldest first, and no others", () => {
  const attempts = new LastAttempts(100);
  for (let i = 0; i < 10; i++) attempts.set(`honest ${i}`, "good", i + 1);
  for (let i = 0; i < 10_000; i++) attempts.set(`session ${i}`, "weak", 1);
  for (let i = 0; i < 10; i++) assertEquals(attempts.get(`honest ${i}`), i + 1);
  assert(attempts.size <= 100, `${attempts.size} are remembered`);
  assertEquals([attempts.get("session 0"), attempts.get("session 9999")], [undefined, 1]);
});

Deno.test("a single owner has half of them remembered, and what is in use again is forgotten", () => {
  const attempts = new LastAttempts(100);
  for (let i = 0; i < 200; i++) attempts.set(`session ${i}`, "", i);
  assertEquals([attempts.size, attempts.get("session 149"), attempts.get("session 150")], [
    50,
    undefined,
    150,
  ]);
  for (let i = 0; i < 200; i++) attempts.delete(`session ${i}`);
  assertEquals(attempts.size, 0);
  attempts.set("session 1", "", 7);
  attempts.set("session 1", "other", 8);
  assertEquals([attempts.size, attempts.get("session 1")], [1, 8]);
});

Deno.test("a client without a token has the last attempt of its session remembered, however many sessions are left from elsewhere", () => {
  const claims = new SessionOwners();
  const from = (address: string) => ({ identity: "", holder: `@${address}`, takenOver() {} });
  const [honest, other] = [from("10.0.0.1"), from("10.0.0.2")];
  claims.acquire("honest", honest, 5);
  claims.release("honest", honest);
  for (let i = 0; i < 50_000; i++) {
    claims.acquire(`session ${i}`, other, 1);
    claims.release(`session ${i}`, other);
  }
  assertEquals(claims.acquire("honest", honest, 4), false);
  assertEquals(claims.acquire("honest", honest, 5), true);
});
