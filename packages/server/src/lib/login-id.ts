/** Names a login: the id of its row or, where one of the product's own tokens made it, which has no row, its person and device. */
export type LoginId = number | ProductLoginId;
export type ProductLoginId = `${number}/${string}`;

/** Whether one of the product's own tokens made it. */
export function isOfProduct(loginId: LoginId): loginId is ProductLoginId {
  return typeof loginId === "string";
}
