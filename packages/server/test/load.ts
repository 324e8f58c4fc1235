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

/**
 * A load that goes on until it is ended. `acknowledged` grows with it; `enough` resolves when there are so many.
 * @returns `end` resolves with all outcomes
 */
export function endlessLoad(load: { senders: readonly Person[]; roomId: number; enough: number }) {
  const acknowledged: string[] = [];
  const enough = Promise.withResolvers<void>();
  let goesOn = true;
  const sending = sendAll({
    ...load,
    count: 1e6,
    while: () => goesOn,
    onAnswer: ({ status, clientId }) => {
      if (status === 201) acknowledged.push(clientId);
      if (acknowledged.length === load.enough) enough.resolve();
    },
  });
  const end = () => {
    goesOn = false;
    return sending;
  };
  return { acknowledged, enough: enough.promise, end };
}
