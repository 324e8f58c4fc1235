import type { Person } from "./harness.ts";

/** The outcome of a send: the status, or undefined if the server went away before it answered. */
export interface SendOutcome {
  readonly clientId: string;
  readonly sender: Person;
  readonly status: number | undefined;
}

/**
 * Sends `count` messages into a room, each sender one at a time, all senders at once. A send that finds no server is an
 * outcome, not an error.
 */
export async function sendAll(load: {
  senders: readonly Person[];
  roomId: number;
  count: number;
  /** A part of every clientId, to tell loads apart. */
  label?: string;
  /** What each message says, beside its clientId. */
  text?: string;
  onAnswer?: (outcome: SendOutcome) => void;
  /** Sending goes on while this returns true. */
  while?: () => boolean;
}): Promise<SendOutcome[]> {
  const { senders, roomId, count, label = "m", text = "message", onAnswer, while: goesOn = () => true } = load;
  const outcomes: SendOutcome[] = [];
  let next = 0;
  await Promise.all(
    senders.map(async (sender) => {
      while (next < count && goesOn()) {
        const clientId = `${label}-${next++}`;
        const body = { clientId, type: 1, body: { content: `${text} ${clientId}` } };
        const reply = await sender.api.call("POST", `/rooms/${roomId}/messages`, body).catch(() => undefined);
        const outcome = { clientId, sender, status: reply?.status };
        outcomes.push(outcome);
        onAnswer?.(outcome);
      }
    }),
  );
  return outcomes;
}
