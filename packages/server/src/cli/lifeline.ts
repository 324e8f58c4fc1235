/** Added by the launcher if it stays our parent; see bin/bun.mjs. */
export const LIFELINE_FLAG = "--lifeline";

/**
 * Ends the process as soon as the launcher has died without passing on a signal, that is, by SIGKILL. People who kill the process that they
 * started expect the server to be gone, and its port and data folder to be free. The launcher never writes to the pipe, and a pipe that
 * cannot be read says nothing about the launcher.
 */
export async function watchLifeline(): Promise<void> {
  // Bun's own reader, since a net.Socket on an inherited descriptor does not report the end.
  const reader = Bun.file(3).stream().getReader();
  const { done } = await reader.read().catch(() => ({ done: false }));
  if (done) process.kill(process.pid, "SIGKILL");
}
