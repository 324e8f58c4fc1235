const SENDS = 6000;
const AT_ONCE = 8;

/**
 * Lets a server send, in a room that nobody reads, until the runtime has compiled what sending needs: a server is measured
 * as it is after its first minute, not during its first second.
 */
export async function warmUp(server: { url: string; token: string; roomId: number }): Promise<void> {
  const { url, token, roomId } = server;
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  let next = 0;
  const sender = async () => {
    while (next < SENDS) {
      const body = JSON.stringify({ clientId: `warm-up-${roomId}-${next++}`, type: 1, body: { content: "warm-up" } });
      const reply = await fetch(`${url}/api/v1/rooms/${roomId}/messages`, { method: "POST", headers, body });
      if (reply.status !== 201) throw new Error(`the warm-up was answered ${reply.status}: ${await reply.text()}`);
      await reply.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
}
