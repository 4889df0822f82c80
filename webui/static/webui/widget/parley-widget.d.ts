/** The widget's interface for the pages of a site (docs/widget.md). */
export interface ParleyOptions {
  /** The site's id, if not in the script's `data-site`. */
  site?: string;
  /** "en" or "zh-Hans"; the browser's language, if not said. */
  locale?: string;
  theme?: "auto" | "light" | "dark";
  /** Who the visitor is: a JWT signed by your server. */
  identity?: string;
  /** False where your page has a button of its own. */
  launcher?: boolean;
}

export interface ParleyEvents {
  ready: undefined;
  /** The chat could not be loaded, or no longer answers; nothing of it is on the page. */
  unavailable: undefined;
  open: undefined;
  close: undefined;
  /** How many messages came since the chat was last looked at. */
  unread: number;
  message: { role: "user" | "assistant" | "agent" };
  handoff: { mode: "assistant" | "waiting" | "person" | "resolved" };
  identified: undefined;
  "identity-refused": string;
}

export interface ParleyWidget {
  boot(options?: ParleyOptions): void;
  update(options: ParleyOptions): void;
  shutdown(): void;
  open(): void;
  close(): void;
  toggle(): void;
  identify(jwt: string): Promise<void>;
  setLocale(locale: string): void;
  setTheme(theme: "auto" | "light" | "dark"): void;
  on<Name extends keyof ParleyEvents>(name: Name, listener: (detail: ParleyEvents[Name]) => void): void;
  off<Name extends keyof ParleyEvents>(name: Name, listener: (detail: ParleyEvents[Name]) => void): void;
  /** The visitor has signed out of your site: the next one finds nothing of theirs. */
  reset(): void;
  /** What a page queued before the script was there: `(window.Parley ??= []).push(["open"])`. */
  push(command: [keyof ParleyWidget, ...unknown[]]): void;
}

declare global {
  interface Window {
    Parley?: ParleyWidget | [keyof ParleyWidget, ...unknown[]][];
  }
}
