//go:build !race

package promptorchestra_test

const raceEnabled = false
