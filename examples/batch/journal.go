package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

// A Journal says in a file when each row was sent. It implements [jobs.Marks] for one process. Each
// line is what became of one row's mark: the last one counts. Its first line says which prompt it
// is for. Delete it with the results when the batch is finished and nobody will start it again.
type Journal struct {
	mu    sync.Mutex
	file  *linesFile
	marks map[string]time.Time
}

var _ jobs.Marks = (*Journal)(nil)

// A journalLine is the journal's first line, with Prompt alone, or sets or removes a mark.
type journalLine struct {
	Prompt string     `json:"prompt,omitzero"`
	Job    string     `json:"job,omitzero"`
	Sent   *time.Time `json:"sent,omitzero"` // nil removes the mark
}

// openJournal opens or makes the journal of a prompt.
func openJournal(path, promptID string) (*Journal, error) {
	j := &Journal{marks: map[string]time.Time{}}
	owner := ""
	file, err := openLines(path, func(text []byte) error {
		var line journalLine
		if err := json.Unmarshal(text, &line); err != nil {
			return err //nolint:wrapcheck // openLines does
		}
		switch {
		case line.Prompt != "":
			owner = line.Prompt
		case line.Job == "":
			return errors.New("it is no line of a journal")
		case line.Sent == nil:
			delete(j.marks, line.Job)
		default:
			j.marks[line.Job] = *line.Sent
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	j.file = file
	switch {
	case owner == "" && len(j.marks) == 0:
		err = file.append(journalLine{Prompt: promptID})
	case owner != promptID:
		err = fmt.Errorf("the journal %s is that of the prompt %q", path, owner)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return j, nil
}

// Close lets another process have the journal.
func (j *Journal) Close() error { return j.file.Close() }

// Mark implements [jobs.Marks].
func (j *Journal) Mark(_ context.Context, job string, old, next time.Time) (ok bool, current time.Time, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if current = j.marks[job]; !current.Equal(old) {
		return false, current, nil
	}
	if err := j.file.append(journalLine{Job: job, Sent: &next}); err != nil {
		return false, time.Time{}, err
	}
	j.marks[job] = next
	return true, next, nil
}

// Clear implements [jobs.Marks].
func (j *Journal) Clear(_ context.Context, job string, old time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	current, marked := j.marks[job]
	if !marked || !current.Equal(old) {
		return nil
	}
	if err := j.file.append(journalLine{Job: job}); err != nil {
		return err
	}
	delete(j.marks, job)
	return nil
}

// read returns a row's mark, zero for none.
func (j *Journal) read(job string) time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.marks[job]
}

// An Outcome is one line of the results: how a row ended.
type Outcome struct {
	jobs.Result
	Parked    string         `json:"parked,omitzero"`    // why it is left to a person; "" for a row that is done
	Kind      string         `json:"kind,omitzero"`      // of that
	Execution jobs.Execution `json:"execution,omitzero"` // what is known of it
}

// Results are the rows that have ended, in a file.
type Results struct {
	mu    sync.Mutex
	file  *linesFile
	ended map[string]Outcome // without the outputs
}

func openResults(path string) (*Results, error) {
	r := &Results{ended: map[string]Outcome{}}
	file, err := openLines(path, func(text []byte) error {
		var outcome Outcome
		if err := json.Unmarshal(text, &outcome); err != nil || outcome.Job == "" {
			return errors.Join(errors.New("it is no result"), err)
		}
		r.note(outcome)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("opening the results: %w", err)
	}
	r.file = file
	return r, nil
}

func (r *Results) note(o Outcome) {
	o.Output, o.Text = nil, ""
	r.ended[o.Job] = o
}

// save keeps how a row ended.
func (r *Results) save(o Outcome) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.ended[o.Job]; known {
		return nil
	}
	if err := r.file.append(o); err != nil {
		return err
	}
	r.note(o)
	return nil
}

func (r *Results) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.ended[id]
	return ok
}

// Close lets another process have the results.
func (r *Results) Close() error { return r.file.Close() }
