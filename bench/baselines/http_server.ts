/**
 * What plain HTTP costs on Deno at least: a server that reads bodies and answers with JSON, and that streams events without an end.
 * Its argument is the port.
 *
 * @module
 */

const ENCODER = new TextEncoder();

/** Of the size that a position has. */
const EPOCH = "AAAAAAAAAAAAAAAA";

/** As our own streams have them. */
const STREAM_HEADERS = {
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
  "content-type": "text/event-stream",
  "dsmq-position": `${EPOCH}:0`,
};

let last = 0;

Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen() {} },
  async (request) => {
    if (request.method === "POST") {
      const { length } = await request.text();
      const seq = ++last;
      return Response.json({ seq, position: `${EPOCH}:${seq}`, length }, { status: 201 });
    }
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(ENCODER.encode(`id: ${EPOCH}:0\n\n`)),
    });
    return new Response(body, { headers: STREAM_HEADERS });
  },
);
