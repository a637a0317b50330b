import { useState } from "react";
import { SearchClient } from "./client";

/** A text field that searches on Enter. */
export function SearchBox({ client }: { client: SearchClient }) {
  const [text, setText] = useState("");
  return <input value={text} onChange={(event) => setText(event.target.value)}
    onKeyDown={(event) => event.key === "Enter" && client.search(text)} />;
}
