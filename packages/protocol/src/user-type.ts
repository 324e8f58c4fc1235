/** A person as others see them. */
export interface User {
  uid: number;
  name: string;
  avatar: string;
  power: 0 | 1;
  /** Epoch milliseconds. */
  createdAt: number;
}
