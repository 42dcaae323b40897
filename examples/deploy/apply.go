package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// apply makes the changes, one after the other. At the first that fails it restores what ran before.
func (p *plan) apply(ctx context.Context, out io.Writer) error {
	var left []string // drafts and records that remain after a failure
	for i, c := range p.changes {
		if err := c.apply(ctx, &left); err != nil {
			fmt.Fprintf(out, "%s: failed: %v\n", c.name, err)
			err = errors.Join(fmt.Errorf("%s: %w", c.name, err), restore(ctx, out, p.changes[:i+1]))
			for _, what := range left {
				fmt.Fprintf(out, "remains: %s\n", what)
			}
			return err
		}
		fmt.Fprintf(out, "%s: published\n", c.name)
	}
	return nil
}

// apply creates a version and publishes it.
func (c *change) apply(ctx context.Context, left *[]string) error {
	if c.id == "" {
		id, err := c.create(ctx)
		if err != nil {
			note(left, err, "perhaps "+c.name+", without a version")
			return fmt.Errorf("creating it: %w", err)
		}
		c.id = id
		*left = append(*left, c.name+", which is new")
	}
	versionID, err := c.version(ctx, c.id)
	if versionID != "" {
		*left = append(*left, fmt.Sprintf("version %s of %s, a draft or published", versionID, c.name))
	}
	if err != nil {
		note(left, err, "perhaps a draft of "+c.name)
		return fmt.Errorf("creating a version: %w", err)
	}
	err = c.publish(ctx, c.id, versionID)
	if !promptorchestra.OutcomeUnknown(err) {
		return err
	}
	now, lookUpErr := c.live(context.WithoutCancel(ctx), c.id)
	if lookUpErr == nil && now.versionID == versionID {
		return nil // it was published, and the response was lost
	}
	return errors.Join(fmt.Errorf("publishing version %s: %w", versionID, err), lookUpErr)
}

// note notes what a call of unknown outcome may have left behind.
func note(left *[]string, err error, what string) {
	if promptorchestra.OutcomeUnknown(err) {
		*left = append(*left, what)
	}
}

// restore makes what ran before run again, the last change first. Whether it does is looked up: its
// error names what does not. A first publication remains.
func restore(ctx context.Context, out io.Writer, changes []*change) (failed error) {
	// The context may be what failed, and must not keep anything from being restored.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	for i := len(changes) - 1; i >= 0; i-- {
		c := changes[i]
		if c.id == "" || c.before.versionID == "" {
			continue
		}
		if err := c.restored(ctx); err != nil {
			fmt.Fprintf(out, "%s: NOT as before: %v\n", c.name, err)
			failed = errors.Join(failed, fmt.Errorf("%s does not run as before: %w", c.name, err))
		} else {
			fmt.Fprintf(out, "%s: as before\n", c.name)
		}
	}
	return failed
}

func (c *change) restored(ctx context.Context) error {
	now, err := c.live(ctx, c.id)
	switch {
	case err != nil:
		return fmt.Errorf("reading it: %w", err)
	case now.is(c.before):
		return nil
	}
	restoreErr := c.restore(ctx, c.id, c.before)
	now, err = c.live(ctx, c.id)
	switch {
	case err != nil:
		return errors.Join(restoreErr, fmt.Errorf("reading it: %w", err))
	case !now.is(c.before):
		return errors.Join(restoreErr, fmt.Errorf("version %s runs", now.versionID))
	default:
		return nil
	}
}
