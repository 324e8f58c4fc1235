/** A typical message text. */
export const TEXT = "a message as people write them: a line of text and not much more than that";

/** Sends a text with a person's token. @returns the message object. @throws when it is refused */
export async function send(
  server: { url: string },
  message: { token: string; roomId: number; clientId: string; content: string },
): Promise<unknown> {
  const { token, roomId, clientId, content } = message;
  const reply = await fetch(`${server.url}/api/v1/rooms/${roomId}/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ clientId, type: 1, body: { content } }),
  });
  if (reply.status !== 201) throw new Error(`a message was answered ${reply.status}: ${await reply.text()}`);
  return reply.json();
}
