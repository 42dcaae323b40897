//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

var errLocked = errors.New("another process has it")

// lock holds the file for this process until it is closed, also by a kill.
func lock(file *os.File) (unlock func(), err error) {
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil, errLocked
	}
	return func() {}, nil
}

// syncFolder writes to the disk that a folder has a new file.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the caller's own
	if err != nil {
		return err //nolint:wrapcheck // it names the folder
	}
	return errors.Join(folder.Sync(), folder.Close())
}
