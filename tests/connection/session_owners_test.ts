import { assertEquals } from "@std/assert";
import { type SessionOwner, SessionOwners } from "../../connection/session_owners.ts";

/** A connection that counts how often it was taken over. */
function connection(): SessionOwner & { readonly takeovers: { count: number } } {
  const takeovers = { count: 0 };
  return { identity: "", holder: "h", takeovers, takenOver: () => void takeovers.count++ };
}

Deno.test("a session that was opened at another server is nobody's here, also not that of an attempt that arrives late", () => {
  const owners = new SessionOwners();
  const [old, late, next] = [connection(), connection(), connection()];
  owners.acquire("s", old, 1);
  owners.openedElsewhere("s", 3);
  assertEquals([old.takeovers.count, owners.ownerOf("s"), owners.size], [1, undefined, 0]);
  assertEquals(owners.acquire("s", late, 2), false);
  assertEquals(owners.acquire("s", next, 4), true);
  // It is told late of what it has taken over itself.
  owners.openedElsewhere("s", 3);
  assertEquals([next.takeovers.count, owners.ownerOf("s")], [0, next]);
  // What ends afterwards changes nothing.
  owners.release("s", old);
  assertEquals(owners.ownerOf("s"), next);
});

Deno.test("a session that nobody has here is not opened by an older attempt than that at another server", () => {
  const owners = new SessionOwners();
  const late = connection();
  owners.openedElsewhere("s", 3);
  assertEquals([owners.acquire("s", late, 2), owners.acquire("s", late, 3)], [false, true]);
});
