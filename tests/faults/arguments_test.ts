import { assertEquals, assertThrows } from "@std/assert";
import { readArguments } from "./arguments.ts";

const FORMS = { CUTS: 1000, SEED: 1, TRANSPORT: ["builtin", "hardened"] } as const;

Deno.test("arguments of a program are taken by their place, and have defaults", () => {
  assertEquals(readArguments(FORMS, []), { CUTS: 1000, SEED: 1, TRANSPORT: "builtin" });
  assertEquals(readArguments(FORMS, ["5", "0", "hardened"]), {
    CUTS: 5,
    SEED: 0,
    TRANSPORT: "hardened",
  });
});

Deno.test("a wrong argument of a program is named, with what it must be", () => {
  const wrong: [string[], string][] = [
    [["x"], 'CUTS must be a whole number from 1, got "x"'],
    [["0"], 'CUTS must be a whole number from 1, got "0"'],
    [[""], 'CUTS must be a whole number from 1, got ""'],
    [["1.5"], 'CUTS must be a whole number from 1, got "1.5"'],
    [["1", "-1"], 'SEED must be a whole number from 0, got "-1"'],
    [["1", ""], 'SEED must be a whole number from 0, got ""'],
    [["1", "1", "wss"], 'TRANSPORT must be builtin or hardened, got "wss"'],
    [["1", "1", "builtin", "more"], "the arguments must be [CUTS] [SEED] [TRANSPORT], got 4"],
  ];
  for (const [args, message] of wrong) {
    assertThrows(() => readArguments(FORMS, args), RangeError, message);
  }
});
