import { describe, expect, it } from "vitest";
import { bestOf } from "./client";

describe("bestOf", () => {
  it("returns the hit with the highest score", () => {
    expect(bestOf([{ id: "a", score: 1 }, { id: "b", score: 2 }])?.id).toBe("b");
  });
});
