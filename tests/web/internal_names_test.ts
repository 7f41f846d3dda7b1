import { assertEquals } from "@std/assert";
import { internalNames } from "../../web/build/internal_names.ts";

Deno.test("only names that nothing but classes have, and nobody outside sees, are internal", () => {
  const sources = new Map([
    [
      "a.ts",
      `export class Reader {
        isIdle = false;
        onWire = 1;
        inTable = 2;
        inType = 3;
        lookedUp = 4;
        inTemplate = 5;
        isPublic = 6;
        #hidden = 7;
        length = 8;
        addEventListener() {}
        get isBehind() { return this.#hidden > 7; }
      }
      export interface Shape { inType?: number }`,
    ],
    [
      "b.ts",
      `const onWire = 1;
      JSON.stringify({ onWire, inTable: 2 });
      export const all = (reader) => [reader["lookedUp"], reader[\`\${onWire}inTemplate\`]];`,
    ],
  ]);
  assertEquals(internalNames(sources, "interface Reader { isPublic: number }"), [
    "isBehind",
    "isIdle",
  ]);
});
