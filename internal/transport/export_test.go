package transport

import (
	"net/http"
	"testing"
)

// ChangeDefault makes the default transport of the clients that a test makes a changed copy of itself, so that it trusts
// the certificate of a server on loopback, or goes through a proxy of the test's.
func ChangeDefault(t testing.TB, change func(*http.Transport)) {
	t.Helper()
	shared, fresh := sharedTransport, freshTransport
	sharedTransport, freshTransport = shared.Clone(), fresh.Clone()
	change(sharedTransport)
	change(freshTransport)
	t.Cleanup(func() {
		sharedTransport.CloseIdleConnections()
		sharedTransport, freshTransport = shared, fresh
	})
}
