import { assertEquals } from "@std/assert";
import { STATUS_CODES } from "node:http";
import { problemJson } from "../../protocol/problem.ts";

Deno.test("a problem is one line of JSON with the members of RFC 9457, a code, and what else is known", () => {
  const text = problemJson(413, "too_large", 'Cannot put message: "a\n" is too large', {
    limit: 10,
    bytes: undefined,
  });
  assertEquals(text.indexOf("\n"), text.length - 1);
  assertEquals(JSON.parse(text), {
    type: "about:blank",
    title: "Content Too Large",
    status: 413,
    code: "too_large",
    detail: 'Cannot put message: "a\n" is too large',
    limit: 10,
  });
  assertEquals(Object.keys(JSON.parse(text)).slice(0, 2), ["type", "title"]);
});

Deno.test("what else is known cannot replace the standard members of a problem", () => {
  const { status, code } = JSON.parse(
    problemJson(404, "not_found", "x", { status: 200, code: "y" }),
  );
  assertEquals([status, code], [404, "not_found"]);
});

Deno.test("the title of a problem is the reason phrase of its status", () => {
  // Renamed by RFC 9110, which Node does not follow yet.
  const renamed: Record<number, string> = { 413: "Content Too Large" };
  // deno-fmt-ignore
  const statuses = [400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 413, 414, 415, 417, 421, 426, 429, 431, 500, 503, 507];
  for (const status of statuses) {
    const { title } = JSON.parse(problemJson(status, "code", "detail"));
    assertEquals(title, renamed[status] ?? STATUS_CODES[status]);
  }
});
