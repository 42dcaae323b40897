package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// A linesFile is a file of JSON lines that only grows. What append has written is on the disk when
// it returns. One process has it at a time.
type linesFile struct {
	mu     sync.Mutex
	file   *os.File
	size   int64
	broken error
	unlock func()
}

// openLines opens or makes a file, locks it, and gives each of its lines to read. A last line
// without an end was being written when the process or the machine stopped: it is cut off.
func openLines(path string, read func(line []byte) error) (*linesFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the caller's own
	if err != nil {
		return nil, fmt.Errorf("opening a file: %w", err)
	}
	f := &linesFile{file: file}
	if f.unlock, err = lock(file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(err, file.Close()))
	}
	if err := errors.Join(f.load(read), syncFolder(filepath.Dir(path))); err != nil {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(err, f.Close()))
	}
	return f, nil
}

func (f *linesFile) load(read func(line []byte) error) error {
	data, err := os.ReadFile(f.file.Name())
	if err != nil {
		return err //nolint:wrapcheck // it names the file
	}
	whole := data[:bytes.LastIndexByte(data, '\n')+1]
	for number, line := range bytes.Split(bytes.TrimSuffix(whole, []byte("\n")), []byte("\n")) {
		if len(line) == 0 && len(whole) == 0 {
			break
		}
		if err := read(line); err != nil {
			return fmt.Errorf("line %d cannot be read: %w", number+1, err)
		}
	}
	f.size = int64(len(whole))
	return f.cut()
}

// cut removes what follows the last whole line.
func (f *linesFile) cut() error {
	if err := f.file.Truncate(f.size); err != nil {
		return fmt.Errorf("cutting a line off: %w", err)
	}
	if _, err := f.file.Seek(f.size, 0); err != nil {
		return fmt.Errorf("finding the end: %w", err)
	}
	return f.sync()
}

func (f *linesFile) sync() error {
	if err := f.file.Sync(); err != nil {
		return fmt.Errorf("writing to the disk: %w", err)
	}
	return nil
}

// append adds a line. After a failure of the disk nothing more is written: nobody knows what is
// there.
func (f *linesFile) append(value any) error {
	line, err := json.Marshal(value)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	if _, err = f.file.Write(line); err == nil {
		err = f.sync()
	}
	if err != nil {
		f.broken = fmt.Errorf("writing %s: %w", f.file.Name(), err)
		return f.broken
	}
	f.size += int64(len(line))
	return nil
}

// Close unlocks the file, too.
func (f *linesFile) Close() error {
	err := f.file.Close()
	f.unlock()
	return err //nolint:wrapcheck // it names the file
}
