/** A hit as the server sends it. */
export interface Hit {
  id: string;
  score: number;
}

export type Listener = (hits: Hit[]) => void;

export enum Mode {
  Exact = "exact",
  Fuzzy = "fuzzy",
}

/** Talks to the Tidepool server. */
export class SearchClient {
  private listeners: Listener[] = [];

  constructor(private readonly url: string) {}

  /** Ask for the nearest vectors and tell every listener. */
  async search(text: string, mode: Mode = Mode.Exact): Promise<Hit[]> {
    const response = await fetch(`${this.url}/search?q=${encodeURIComponent(text)}&mode=${mode}`);
    if (!response.ok) {
      throw new Error(`search failed: ${response.status}`);
    }
    const hits = (await response.json()) as Hit[];
    this.listeners.forEach((listener) => listener(hits));
    return hits;
  }

  onHits(listener: Listener): void {
    this.listeners.push(listener);
  }
}

export const bestOf = (hits: Hit[]): Hit | undefined =>
  [...hits].sort((a, b) => b.score - a.score)[0];
