package main

import (
	"errors"
	"os"
	"syscall"
)

var errLocked = errors.New("another process has it")

// lock holds the file for this process until unlock, also if it is ended by force: nobody else can
// open a second file beside it meanwhile.
func lock(file *os.File) (unlock func(), err error) {
	name, err := syscall.UTF16PtrFromString(file.Name() + ".lock")
	if err != nil {
		return nil, err //nolint:wrapcheck // a name that is none
	}
	held, err := syscall.CreateFile(name, syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, errLocked
	}
	return func() { _ = syscall.CloseHandle(held) }, nil // it is not written to
}

// syncFolder does nothing: a folder cannot be opened to be synced there.
func syncFolder(string) error { return nil }
