package server

import "testing"

func TestOldestAnswerIsEvicted(t *testing.T) {
	cache := NewCache(1)
	cache.Put("a", []byte("1"))
	cache.Put("b", []byte("2"))
	if _, ok := cache.Get("a"); ok {
		t.Fatal("the oldest answer is still there")
	}
}
