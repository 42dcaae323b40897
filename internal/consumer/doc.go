// Package consumer tests the whole surface of the SDK from a module of its own, which cannot reach
// the SDK's internal packages. A change that breaks it breaks users.
//
// Its commands are what users build: service runs a skill for many tenants, worker pays once for
// each of many jobs, and release publishes an agent.
package consumer
