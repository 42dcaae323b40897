// Package pagetest tests the emulator's page in a real browser. It is a module of its own, so that
// the SDK does not depend on a driver of browsers.
package pagetest
