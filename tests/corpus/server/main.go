package server

import (
	"net/http"
	"time"
)

const requestTimeout = 5 * time.Second

// Handler limits how long a request may take.
type Handler interface {
	ServeHTTP(w http.ResponseWriter, r *http.Request)
}

// Serve listens on an address until the process ends.
func Serve(address string, handler Handler) error {
	server := &http.Server{Addr: address, Handler: handler, ReadTimeout: requestTimeout}
	return server.ListenAndServe()
}
