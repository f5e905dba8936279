/**
 * Names from a file in error messages.
 */

const LONGEST = 80;

/** The name in double quotes, on one line and of bearable length whatever the file says. */
export function quote(name: string): string {
  return JSON.stringify(name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name);
}
