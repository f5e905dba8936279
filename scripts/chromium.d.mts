/** Path of the browser. */
export const CHROMIUM: string;
/** What it is started with. */
export const CHROMIUM_ARGUMENTS: string[];
