// Package faulttest tries, through the SDK's public surface alone, what goes wrong between a client
// and the API: lost connections, broken and huge bodies, redirects, timeouts, rate limits, outages.
// README.md says which promise each test holds.
package faulttest
