package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// A Row is one execution to pay for.
type Row struct {
	ID        string
	Variables map[string]any
}

// readRows reads the variables of each execution: a CSV file with the variables' names in its first
// line, or a file of JSON objects, one a line. A column or member "id" is the row's id. Without it
// the id is made from the row's content, so that it stays the same when rows are added or moved;
// the second of two equal rows has another id than the first.
func readRows(path string) ([]Row, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the caller's own
	if err != nil {
		return nil, fmt.Errorf("reading the rows: %w", err)
	}
	read := readJSON
	if strings.HasSuffix(strings.ToLower(path), ".csv") {
		read = readCSV
	}
	all, err := read(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return identify(all)
}

func readCSV(r io.Reader) (all []map[string]any, err error) {
	lines := csv.NewReader(r)
	names, err := lines.Read()
	if err != nil {
		return nil, fmt.Errorf("the line with the names: %w", err)
	}
	for {
		values, err := lines.Read() // as many as there are names
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err //nolint:wrapcheck // it says line and column
		}
		variables := map[string]any{}
		for i, name := range names {
			variables[name] = values[i]
		}
		all = append(all, variables)
	}
}

func readJSON(r io.Reader) (all []map[string]any, err error) {
	lines := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if text := bytes.TrimSpace(line); len(text) > 0 {
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.UseNumber() // a number is sent as it stands
			var variables map[string]any
			if err := decoder.Decode(&variables); err != nil || variables == nil || decoder.More() {
				return nil, fmt.Errorf("line %d is not a JSON object", number)
			}
			all = append(all, variables)
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err //nolint:wrapcheck // readRows does
		}
	}
}

func identify(all []map[string]any) ([]Row, error) {
	rows := make([]Row, len(all))
	seen := map[string]int{}
	for i, variables := range all {
		id, given := variables["id"]
		text := fmt.Sprint(id)
		if !given || text == "" {
			content, err := json.Marshal(variables) // the names in order
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(content)
			text = "row-" + hex.EncodeToString(sum[:8])
		}
		if seen[text]++; seen[text] > 1 {
			if given {
				return nil, fmt.Errorf("two rows have the id %q", text)
			}
			text = fmt.Sprintf("%s-%d", text, seen[text])
		}
		rows[i] = Row{text, variables}
	}
	return rows, nil
}
