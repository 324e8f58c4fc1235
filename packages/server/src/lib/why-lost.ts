/** Why a connection to a service was lost, in words. Drivers' errors may carry the address, with its password, in further fields or in a cause. */
export function whyLost(cause: unknown): string {
  if (typeof cause === "string") return cause;
  return cause instanceof Error && cause.message !== "" ? cause.message : "its connection was lost";
}
