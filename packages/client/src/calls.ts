/**
 * Methods for what a client's user asks for beside messages. They are short for `client.request`, and stand in a module of their own, so that
 * pages which show neither contacts nor notifications do not load them.
 */
export { type Contacts, contactsOf } from "./contacts.ts";
export { type Notifications, notificationsOf } from "./notifications.ts";
