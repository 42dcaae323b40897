//go:build !race

package promptorchestraotel_test

const raceEnabled = false
