/**
 * A reference: the runtime's HTTP server and nothing else. Each POST is parsed and answered with an object the size of
 * a message.
 */
const message = {
  fromUser: { uid: 20001 },
  message: {
    id: 100_000,
    roomId: 2,
    sendTime: 1_700_000_000_000,
    type: 1,
    body: { content: "", urlContentMap: {}, atUidList: [], reply: null },
    messageMark: { likeCount: 0, userLike: 0, dislikeCount: 0, userDislike: 0 },
    seq: 100_000,
    no: 100_000,
    clientId: "",
  },
};

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: async (request) => {
    const { clientId, body } = (await request.json()) as { clientId: string; body: { content: string } };
    const shown = { ...message.message, clientId, body: { ...message.message.body, content: body.content } };
    return Response.json({ ...message, message: shown }, { status: 201 });
  },
});
console.log(`ready ${server.port}`);
