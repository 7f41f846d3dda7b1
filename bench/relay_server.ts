/** The least that a server can do to wake someone: what it gets goes to whoever came first, then to its sender. Its argument is the port. */
const port = Number(Deno.args[0]);
let first: WebSocket | undefined;
Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, (request) => {
  if (request.headers.get("upgrade") === null) return new Response("relay\n");
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  const waiter = first ??= socket;
  socket.onmessage = ({ data }) => {
    waiter.send(data);
    socket.send(data);
  };
  return response;
});
