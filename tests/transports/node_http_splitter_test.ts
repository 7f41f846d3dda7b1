import { assertEquals } from "@std/assert";
import { InputSplitter, type PartialRequest } from "../../transports/node_http_splitter.ts";

const encoder = new TextEncoder();

const HEAD = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";

/** The pieces of some input, which arrives in packets of this size; the head of a request begins a body in chunks. */
function piecesOf(text: string, packet: number, hasBody = true): string[] {
  const splitter = new InputSplitter();
  const pieces = [""];
  let request: PartialRequest | undefined;
  for (let at = 0; at < text.length; at += packet) {
    let rest = text.slice(at, at + packet);
    while (rest !== "") {
      const bytes = splitter.next(encoder.encode(rest), request);
      const whole = pieces.pop()! + rest.slice(0, bytes);
      rest = rest.slice(bytes);
      const isHead = hasBody && (!request || request.complete) && /[^\r\n]\r?\n\r?\n$/.test(whole);
      if (isHead) request = { complete: false, bytesLeft: undefined };
      const isEnd = request && !request.complete && /(^|\n)0\r\n([^\r]+\r\n)*\r\n$/.test(whole);
      if (isEnd) request = { complete: true, bytesLeft: 0 };
      pieces.push(...isHead || isEnd || bytes < packet && rest !== "" ? [whole, ""] : [whole]);
    }
  }
  return pieces.filter((piece) => piece !== "");
}

Deno.test("each piece of input has the end of at most one request's headers, however it arrives", () => {
  const heads = [HEAD, `\r\n\r\n${HEAD}`, "GET / HTTP/1.1\nHost: a\n\n", HEAD];
  for (const packet of [1, 2, 3, 7, 27, 28, 29, 1000]) {
    const splitter = new InputSplitter();
    const text = heads.join("");
    let [piece, pieces] = ["", [] as string[]];
    for (let at = 0; at < text.length; at += packet) {
      for (let rest = text.slice(at, at + packet); rest !== "";) {
        const bytes = splitter.next(encoder.encode(rest), undefined);
        piece += rest.slice(0, bytes);
        rest = rest.slice(bytes);
        if (/[^\r\n]\r?\n\r?\n$/.test(piece)) [piece, pieces] = ["", [...pieces, piece]];
      }
    }
    assertEquals([pieces, piece], [heads, ""], `packets of ${packet} bytes`);
  }
});

Deno.test("a piece of a body in chunks ends with the body, however it arrives", () => {
  const bodies = [
    "3\r\nabc\r\n0\r\n\r\n",
    "1a;x=y\r\n0\r\n\r\n567890123456789012345\r\n0\r\nX: y\r\nZ: 0\r\n\r\n",
    "A\r\n0123456789\r\n000\r\n\r\n",
  ];
  const text = bodies.map((body) => HEAD + body).join("");
  for (const packet of [1, 2, 3, 5, 30, 41, 1000]) {
    assertEquals(piecesOf(text, packet).join(""), text);
  }
  // In one packet nothing is divided but requests and bodies.
  assertEquals(piecesOf(text, 1000), bodies.flatMap((body) => [HEAD, body]));
});

Deno.test("a piece has few chunks, and of a body with a length no more than that", () => {
  const splitter = new InputSplitter();
  const inChunks = { complete: false, bytesLeft: undefined };
  const tiny = encoder.encode("1\r\nx\r\n".repeat(1000));
  const first = splitter.next(tiny, inChunks);
  assertEquals(Math.ceil(first / 6), 256);
  assertEquals(Math.ceil(splitter.next(tiny.subarray(first), inChunks) / 6), 256);
  const whole = { complete: false, bytesLeft: 100 };
  assertEquals(new InputSplitter().next(new Uint8Array(1000), whole), 100);
  assertEquals(new InputSplitter().next(new Uint8Array(50), whole), 50);
});
