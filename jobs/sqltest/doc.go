// Package sqltest tests the marks of package jobs on real databases. It is a module of its own, so
// that no driver is among the dependencies of the SDK.
package sqltest
