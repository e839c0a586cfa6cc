package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"g86/machine"
)

// Exit statuses beyond those of package machine (DESIGN.md, Conventions).
const (
	statusOK       = 0
	statusInternal = 14
)

// statusError is an error with the exit status that it means.
type statusError struct {
	status int
	err    error // nil: nothing to be said
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

func usagef(format string, a ...any) error {
	return &statusError{machine.StatusUsage, fmt.Errorf(format, a...)}
}

func configf(format string, a ...any) error {
	return &statusError{machine.StatusConfig, fmt.Errorf(format, a...)}
}

func hostf(format string, a ...any) error {
	return &statusError{machine.StatusHost, fmt.Errorf(format, a...)}
}

// statusOf is the exit status of err and whether it is to be printed.
func statusOf(err error) (status int, show bool) {
	var (
		se *statusError
		ce *machine.ConfigError
	)
	switch {
	case errors.As(err, &se):
		return se.status, se.err != nil
	case errors.As(err, &ce):
		return ce.Status, true
	}
	return statusInternal, true
}

// pathless strips the operation and path that a message names by itself.
func pathless(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// oneLine keeps a message on one line, whatever a file name in it holds.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.TrimRight(s, "\n"))
}
