/**
 * A reference: the runtime's WebSocket engine and nothing else. What arrives from a connection to /publish is published
 * on one topic, which every other connection is subscribed to.
 */
const server = Bun.serve<{ publisher: boolean }>({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    const publisher = new URL(request.url).pathname === "/publish";
    const headers = { "Sec-WebSocket-Protocol": "parley" };
    if (server.upgrade(request, { data: { publisher }, ...(publisher ? {} : { headers }) })) return undefined;
    return new Response(null, { status: 400 });
  },
  websocket: {
    data: { publisher: false },
    backpressureLimit: 1_048_576,
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open: (socket) => {
      if (!socket.data.publisher) socket.subscribe("room");
    },
    message: (socket, frame) => {
      if (socket.data.publisher) server.publish("room", frame);
    },
  },
});
console.log(`ready ${server.port}`);
