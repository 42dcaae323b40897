// Package transports tries the SDK over transports that it does not depend on: HTTP/3 of quic-go,
// HTTP/2 of golang.org/x/net, and hystrix around one. It is a module of its own for their sake.
package transports
