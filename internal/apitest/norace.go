//go:build !race

package apitest

// RaceEnabled tells whether the race detector is on, whose bookkeeping is in what a test measures.
const RaceEnabled = false
