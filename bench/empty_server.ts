/** A minimal HTTP server on Deno. Its argument is the port. */
Deno.serve(
  { port: Number(Deno.args[0]), hostname: "127.0.0.1", onListen() {} },
  () => new Response("here\n"),
);
