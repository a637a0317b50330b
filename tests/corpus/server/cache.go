// Package server answers HTTP requests from a cache of recent searches.
package server

import "sync"

// Cache keeps the latest answers, oldest evicted first.
type Cache struct {
	mu      sync.Mutex
	entries map[string][]byte
	order   []string
	limit   int
}

// NewCache returns an empty cache that holds at most limit answers.
func NewCache(limit int) *Cache {
	return &Cache{entries: map[string][]byte{}, limit: limit}
}

// Get returns a cached answer and whether there is one.
func (c *Cache) Get(key string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer, ok := c.entries[key]
	return answer, ok
}

// Put stores an answer and evicts the oldest beyond the limit.
func (c *Cache) Put(key string, answer []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.entries[key]; !known {
		c.order = append(c.order, key)
	}
	c.entries[key] = answer
	if len(c.order) > c.limit {
		delete(c.entries, c.order[0])
		c.order = c.order[1:]
	}
}
